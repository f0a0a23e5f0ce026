import { describe, expect, test } from 'vitest';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { BOARDS } from '../boards/setup.js';
import { dualTable } from '../helpers/dual-table.js';
import { asNativeEnginesRead, nativeOnly, squaresTable } from '../helpers/native-table.js';
import { randomTable, randomWords } from '../helpers/random-table.js';

/**
 * Functions that records of a C model share, where the compiler knows what these have in common: every kind in every format,
 * each word compared with the oracle's. (The same on an ATmega328P: test/boards/arduino-uno.test.ts.)
 */

const POINTS = 12;

describe.each(BOARDS)('$name', ({ board, isSkipped }) => {
  test.skipIf(isSkipped).each([1, 2])('random records, seed %i', (seed) => {
    for (const table of [asNativeEnginesRead(nativeOnly(randomTable(seed, 2))), dualTable(seed), squaresTable(seed)]) {
      expect(runTableOnBoard(board, table, randomWords(seed, POINTS)).points).toBe(POINTS);
    }
  });
});
