import { describe, expect, test } from 'vitest';
import { libraryStackBytes, nativeStackBound } from '../../compiler/code/cost/native-stack.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { buildFirmware } from '../../compiler/run/boards/board-firmware.js';
import type { Board } from '../../compiler/run/boards/boards.js';
import { runFirmware } from '../../compiler/run/boards/run.js';
import { BOARDS } from '../boards/setup.js';
import { atLimit, HOSTILE } from './hostile.js';
import { MEMORY_BYTES, tinyModule } from './tiny-module.js';

/** Modules with a right CRC that no compiler of ours makes, on emulated boards with and without tail calls. */

/** What the tiny module's `identity` returns. */
const IDENTITY = 16;

function headerOf(wasm: Uint8Array): string {
  return modelHeader({
    name: 'hostile',
    payload: wasm,
    identity: IDENTITY,
    memoryBytes: MEMORY_BYTES,
    stackBytes: 16384,
    heapBytes: 2 ** 19,
    inputs: [{ name: 'x', min: -1, max: 1, exponent: 10 }],
    outputs: [{ name: 'u', exponent: 10, scale: 1, offset: 0, largest: 1 }],
    golden: { inputWords: new Int32Array(), outputWords: new Int32Array(), count: 0 },
    provenance: 'test',
  });
}

/** The native stack that the board measures, in bytes. */
function stackOf(board: Board, wasm: Uint8Array): number {
  const { printed } = runFirmware(board, buildFirmware(board, headerOf(wasm)), new Int32Array(1), 60);
  return Math.max(printed.get('open_stack_bytes')!, printed.get('run_stack_bytes')!);
}

function refusalOf(board: Board, wasm: Uint8Array): string {
  try {
    runFirmware(board, buildFirmware(board, headerOf(wasm)), new Int32Array(1), 60);
  } catch (error) {
    if (error instanceof PinnEdgeError) return error.message;
    throw error;
  }
  return '';
}

const CHOSEN = ['cortex-m0', 'cortex-m4', 'rv32imc', 'xtensa'];

describe.each(BOARDS.filter(({ name }) => CHOSEN.includes(name)))('$name', ({ board, isSkipped }) => {
  test.skipIf(isSkipped).each([
    ['ends an endless loop', [0x03, 0x40, 0x0c, 0, 0x0b, 0x00], 'round its loops more often'],
    ['refuses operands of another type', [0x42, 0], 'type error'],
    ['refuses recursion', [0x10, 4], 'calls itself'],
    ['refuses a call through a table', [0x41, 0, 0x11, 0, 0], 'not a pinn-edge model'],
  ])(
    '%s',
    (_name, run, reason) => {
      expect(refusalOf(board, tinyModule({ run: [0, ...run, 0x0b] }))).toContain(reason);
    },
    300_000,
  );

  // What nests on this board until the limit is reached.
  const kinds = (
    board.tailCalls ? ['nestedLoops'] : ['straight', 'callsInARow', 'copiedLocals', 'nestedLoops']
  ) as (keyof typeof HOSTILE)[];
  const limit = libraryStackBytes(board);

  test.skipIf(isSkipped).each(kinds)(
    '%s: runs within the native stack, or is refused',
    (kind) => {
      const [last, next] = atLimit(kind, board, limit);
      const bound = nativeStackBound(last, board).bytes;
      expect(bound).toBeGreaterThan(0.96 * limit);
      const taken = stackOf(board, last);
      expect(taken).toBeLessThanOrEqual(bound);
      expect(taken).toBeGreaterThan(0.6 * bound);
      expect(refusalOf(board, next)).toContain('native stack is too small');
    },
    300_000,
  );

  test.skipIf(isSkipped).each(['nestedBlocks', 'nestedElses'] as const)(
    '%s: translating them takes no more than the bound',
    (kind) => {
      const wasm = HOSTILE[kind](95);
      expect(stackOf(board, wasm)).toBeLessThanOrEqual(nativeStackBound(wasm, board).bytes);
    },
    300_000,
  );
});
