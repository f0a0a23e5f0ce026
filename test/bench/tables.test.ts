import { expect, it } from 'vitest';
import type { Row } from '../../bench/rows.js';
import { hostTable, summaryTable } from '../../bench/tables.js';

const ROW: Row = {
  example: 'front',
  engine: 'c',
  board: 'cortex-m4',
  compressed: true,
  tolerance: 1e-3,
  goal: 'speed',
  instructions: 200,
  flash: 1300,
  ram: 100,
  heap: 0,
  stack: 64,
  maxRelative: 6.2e-4,
  start: 0,
  macs: 5,
  modelBytes: 800,
  microseconds: null,
};
const PLAIN: Row = {
  ...ROW,
  engine: 'float32 C',
  compressed: false,
  tolerance: null,
  goal: null,
  instructions: 50_000,
};

it('the summary compares builds with the rival on the same example and board', () => {
  const elsewhere = { ...PLAIN, board: 'cortex-m3', instructions: 900_000 };
  const other = { ...PLAIN, example: 'burgers', instructions: 7 };
  const whole = { ...ROW, compressed: false };
  const lines = summaryTable([elsewhere, other, PLAIN, ROW, whole], 'cortex-m4', 'float32 C').split('\n').slice(2);
  expect(lines).toEqual([
    '| burgers | float32 C | 7 |  | 1.3 kB | 0.1 kB | 6.2e-4 |',
    '| front | float32 C | 50,000 |  | 1.3 kB | 0.1 kB | 6.2e-4 |',
    '| front | **pinn-edge c** | 200 | 250 | 1.3 kB | 0.1 kB | 6.2e-4 |',
  ]);
});

it('times on the host stand side by side, an engine a column', () => {
  const timed = (engine: string, microseconds: number, row = ROW) => ({ ...row, board: 'host', engine, microseconds });
  const rows = [timed('float64', 34.46, PLAIN), timed('wasm3', 3), timed('wasm3+native', 0.14), ROW];
  expect(hostTable(rows).split('\n')).toEqual([
    '| example | built | float64 | wasm3 | wasm3+native |',
    '| --- | --- | --- | --- | --- |',
    '| front |  | 34.46 |  |  |',
    '| front | compressed, 1e-3, speed |  | 3.00 | 0.14 |',
  ]);
});
