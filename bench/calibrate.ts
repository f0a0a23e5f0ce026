import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listBoards, loadBoard } from '../compiler/boards/boards.js';
import { FRAME_CLASSES, type FrameClass } from '../compiler/cost/op-chain.js';
import { compilerFlags, WASM3_UNIT } from '../compiler/package/bare-metal.js';
import { wasm3Folder } from '../compiler/package/wasm3.js';
import { PACKAGE_ROOT } from '../compiler/package-root.js';

/**
 * `npm run calibrate`: measures what the cost model needs to know of each instruction set and writes it as data.
 *
 * compiler/cost/frames.json: bytes of native stack that an operation of wasm3 takes, as the board's C compiler lays it
 * out (-fstack-usage), the largest of each class, for boards whose compiler makes no tail calls.
 */

/** Which of wasm3's operations belong to a class. Rotations and bulk memory never occur in a module. */
const OPERATIONS: Record<FrameClass, RegExp> = {
  move: /^op_(SetSlot|CopySlot|PreserveSetSlot|PreserveCopySlot|SetRegister|GetGlobal|SetGlobal|Const)/,
  int32: /^op_[iu]32_(?!Load|Store|Rot|Reinterpret|Trunc)/,
  int64: /^op_[iu]64_(?!Load|Store|Rot|Reinterpret|Trunc)/,
  load: /^op_.*_Load_/,
  store: /^op_.*_Store_/,
  branch: /^op_(If|Branch|ContinueLoop|Return|Select)/,
  loop: /^op_(Counted)?Loop/,
  call: /^op_(Call$|Entry)/,
};

function framesOf(boardName: string): Record<FrameClass, number> {
  const board = loadBoard(boardName);
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-calibrate-'));
  try {
    const { every, wasm3 } = compilerFlags(board);
    const library = join(PACKAGE_ROOT, 'targets/common');
    const includes = ['-I', library, '-isystem', wasm3Folder()];
    const output = ['-fstack-usage', '-c', join(library, WASM3_UNIT), '-o', join(folder, 'wasm3.o')];
    const args = [...every, ...wasm3, ...includes, ...output];
    const { status, stderr } = spawnSync(board.compiler.command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    // file:line:column:function <tab> bytes <tab> static
    const lines = readFileSync(join(folder, 'wasm3.su'), 'utf8').trim().split('\n');
    const frames = lines.map((line) => {
      const [place, bytes] = line.split('\t');
      return { name: place.slice(place.lastIndexOf(':') + 1), bytes: Number(bytes) };
    });
    const largest = (kind: FrameClass) =>
      frames.reduce((most, { name, bytes }) => (OPERATIONS[kind].test(name) ? Math.max(most, bytes) : most), 0);
    return Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, largest(kind)])) as Record<FrameClass, number>;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isas: Record<string, Record<FrameClass, number>> = {};
for (const name of listBoards()) {
  const board = loadBoard(name);
  if (!board.tailCalls) isas[board.isa] = framesOf(name);
}
writeFileSync(
  join(PACKAGE_ROOT, 'compiler/cost/frames.json'),
  `${JSON.stringify({ command: 'npm run calibrate', isas }, null, 2)}\n`,
);
process.stdout.write(`${JSON.stringify(isas, null, 2)}\n`);
