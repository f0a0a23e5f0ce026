import { setImmediate as nextTurn } from 'node:timers/promises';
import { EXIT } from '../diagnostics.js';

/**
 * Ctrl-C and SIGTERM. Nothing listens to them while pinn-edge computes, so that the system ends the process at once, in the
 * middle of a stage of half a minute too; what writes files holds them back until the files are whole.
 */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

let held = false;

/**
 * From now on until the event loop turns, signals wait and then end the process: called before synchronous work that must
 * not be left half done. A program that listens to a signal itself goes on to decide what it means.
 */
export function holdSignals(): void {
  if (held) return;
  held = true;
  const end = () => process.exit(EXIT.interrupted);
  const ours = SIGNALS.filter((signal) => process.listenerCount(signal) === 0);
  for (const signal of ours) process.on(signal, end);
  // Signals are delivered before immediates are.
  void nextTurn().then(() => {
    for (const signal of ours) process.removeListener(signal, end);
    held = false;
  });
}
