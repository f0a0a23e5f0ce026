import { setImmediate as nextTurn } from 'node:timers/promises';
import { EXIT } from '../diagnostics.js';

/**
 * Ctrl-C and SIGTERM. Nothing listens to them while pinn-edge computes, so that the system ends the process at once, in the
 * middle of a stage of half a minute too; what writes files holds them back until the files are whole.
 */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

let held: Promise<void> | undefined;

/**
 * From now on until the event loop has looked for them, signals wait and then end the process: called before synchronous
 * work that must not be left half done. A program that listens to a signal itself goes on to decide what it means.
 */
export function holdSignals(): void {
  held ??= holdUntilDelivered();
}

/** Once signals that had to wait are delivered and others need not wait: to be awaited before long work after a write. */
export function signalsDelivered(): Promise<void> {
  return held ?? Promise.resolve();
}

async function holdUntilDelivered(): Promise<void> {
  const end = () => process.exit(EXIT.interrupted);
  const ours = SIGNALS.filter((signal) => process.listenerCount(signal) === 0);
  for (const signal of ours) process.on(signal, end);
  // The loop looks for signals between the first immediate, which may come before that, and the second.
  await nextTurn();
  await nextTurn();
  for (const signal of ours) process.removeListener(signal, end);
  held = undefined;
}
