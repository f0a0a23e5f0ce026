import { describe, expect, test } from 'vitest';
import { buildFirmware } from '../../compiler/boards/firmware.js';
import { runFirmware } from '../../compiler/boards/run.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { modelHeader } from '../../compiler/package/header.js';
import { BOARDS } from '../boards/setup.js';
import { tinyModule } from './tiny-module.js';

/** Modules with a right CRC that no compiler of ours makes, on emulated boards with and without tail calls. */

const MEMORY_BYTES = 4096;
/** What the tiny module's `identity` returns. */
const IDENTITY = 16;

function headerOf(run: number[]): string {
  return modelHeader({
    name: 'hostile',
    payload: tinyModule({ run: [0, ...run, 0x0b] }),
    identity: IDENTITY,
    memoryBytes: MEMORY_BYTES,
    stackBytes: 1024,
    heapBytes: 16384,
    inputs: [{ name: 'x', min: -1, max: 1, exponent: 10 }],
    outputs: [{ name: 'u', exponent: 10, scale: 1, offset: 0 }],
    golden: { inputWords: new Int32Array(), outputWords: new Int32Array(), count: 0 },
    provenance: 'test',
  });
}

describe.each(BOARDS.filter(({ name }) => name === 'cortex-m4' || name === 'cortex-m0'))(
  '$name',
  ({ board, isSkipped }) => {
    test.skipIf(isSkipped).each([
      ['ends an endless loop', [0x03, 0x40, 0x0c, 0, 0x0b, 0x00], 'round its loops more often'],
      ['refuses operands of another type', [0x42, 0], 'type error'],
      ['refuses recursion', [0x10, 4], 'calls itself'],
    ])(
      '%s',
      (_name, run, reason) => {
        const elf = buildFirmware(board, headerOf(run));
        let message = '';
        try {
          runFirmware(board, elf, new Int32Array(1), 60);
        } catch (error) {
          if (!(error instanceof PinnEdgeError)) throw error;
          message = error.message;
        }
        expect(message).toContain(reason);
      },
      300_000,
    );
  },
);
