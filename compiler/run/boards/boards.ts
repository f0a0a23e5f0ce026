import { BARE_METAL } from '../../deliver/package/bare-metal.js';
import type { Target } from '../../deliver/package/target.js';
import { listTargets, loadTarget } from '../../deliver/package/targets.js';
import { PinnEdgeError } from '../../diagnostics.js';

/** A target with a compiler and an emulator: firmware for it is built and run on this machine. */
export type Board = Target & { compiler: NonNullable<Target['compiler']>; emulator: NonNullable<Target['emulator']> };

function isBoard(target: Target): target is Board {
  const hasProject = target.projects.some(({ name }) => name === BARE_METAL);
  return target.compiler !== undefined && target.emulator !== undefined && hasProject;
}

/** Names of the targets that come with pinn-edge and can be emulated. */
export function listBoards(): string[] {
  return listTargets().filter((name) => isBoard(loadTarget(name)));
}

/** The board of that name, or the one in a user's own target.json with compiler and emulator, given by its path. */
export function loadBoard(nameOrPath: string): Board {
  const names = listBoards();
  if (!names.includes(nameOrPath) && !nameOrPath.endsWith('.json') && !listTargets().includes(nameOrPath)) {
    throw new PinnEdgeError('PE8005', { name: nameOrPath, names: names.join(', ') });
  }
  const target = loadTarget(nameOrPath);
  if (isBoard(target)) return target;
  const lacks = ['compiler', 'emulator'].filter((field) => !(field in target)).join(' and ');
  const reason = lacks ? `its target.json has no ${lacks}` : `it has no project ${BARE_METAL}`;
  throw new PinnEdgeError('PE9201', { name: target.name, reason, names: names.join(', ') });
}
