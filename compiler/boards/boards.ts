import { PinnEdgeError } from '../diagnostics.js';
import { listTargets, loadTarget, type Target } from '../package/targets.js';

/** A target with a compiler and an emulator: firmware for it is built and run on this machine. */
export type Board = Target & { compiler: NonNullable<Target['compiler']>; emulator: NonNullable<Target['emulator']> };

function isBoard(target: Target): target is Board {
  return target.compiler !== undefined && target.emulator !== undefined;
}

export function listBoards(): string[] {
  return listTargets().filter((name) => isBoard(loadTarget(name)));
}

export function loadBoard(name: string): Board {
  const names = listBoards();
  if (!names.includes(name)) throw new PinnEdgeError('PE8005', { name, names: names.join(', ') });
  return loadTarget(name) as Board;
}
