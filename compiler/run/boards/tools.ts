import { spawnSync } from 'node:child_process';
import { PinnEdgeError } from '../../diagnostics.js';
import type { Board } from './boards.js';
import { isEmulatedInProcess } from './run.js';

/** The programs that a board needs on this machine. */

/** First line of what `command --version` says; undefined when it cannot be run. */
export function toolVersion(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

export interface MissingTool {
  tool: string;
  packages: string;
}

/** What is not installed for a board, with the Debian packages that bring it. */
export function missingTools(board: Board): MissingTool[] {
  const { compiler, emulator } = board;
  const missing: MissingTool[] = [];
  if (toolVersion(compiler.command) === undefined || !hasLibrary(board)) {
    missing.push({ tool: `${compiler.command} with its C library`, packages: compiler.packages.join(' ') });
  }
  const emulatorProgram = emulator.command.split(' ')[0];
  if (!isEmulatedInProcess(board) && toolVersion(emulatorProgram) === undefined)
    missing.push({ tool: emulatorProgram, packages: emulator.package });
  return missing;
}

/** Whether the compiler finds its C library, which is a package of its own. */
function hasLibrary({ compiler, flags }: Board): boolean {
  const args = [...flags, ...compiler.linkFlags, '-E', '-x', 'c', '-'];
  return spawnSync(compiler.command, args, { input: '#include <string.h>\n' }).status === 0;
}

export function requireTools(board: Board): void {
  const missing = missingTools(board);
  if (!missing.length) return;
  throw new PinnEdgeError('PE8001', {
    tool: missing.map(({ tool }) => tool).join(' and '),
    board: board.name,
    packages: missing.map(({ packages }) => packages).join(' '),
  });
}
