import { expect, test } from 'vitest';
import {
  type Counts,
  FEATURES,
  interpreterPrices,
  predictInstructions,
} from '../../compiler/code/cost/instructions.js';
import { estimateTime } from '../../compiler/code/cost/time.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { decodeTable } from '../../compiler/table/table.js';
import { smallModel } from './fixture.js';

/** One count of instructions per report, by the target's own prices where its instruction set was measured. */

/** Compiled once for all tests. */
const interpreted = smallModel();

test('every target with wasm3 has one count of instructions, and a time where its clock is known, at one per cycle', async () => {
  const table = decodeTable((await interpreted).table);
  for (const name of listTargets()) {
    const { isa, clockHz, wasm3 } = loadTarget(name);
    if (!wasm3) continue;
    const predicted = predictInstructions(table, isa);
    expect(predicted.instructions, name).toBeGreaterThan(0);
    if (!clockHz) continue;
    const time = estimateTime(predicted, clockHz);
    expect(time.instructions).toBe(predicted.instructions);
    expect(time.seconds * clockHz).toBeCloseTo(predicted.instructions, 3);
  }
});

test.each([
  ['esp32', 'xtensa-lx6'],
  ['esp32s3', 'xtensa-lx7'],
  ['rp2350', 'armv8-m.main'],
  ['rp2040', 'armv6-m'],
])('the report for %s counts by the prices of %s, in its instructions and in its time', async (name, isa) => {
  const { report } = packageBuild(await interpreted, loadTarget(name));
  expect(report.time!.isa).toBe(isa);
  expect(report.instructions).toBe(report.time!.instructions);
});

/** What three builds make an interpreter do, and what the ESP32's core took for it; compiler/code/cost/windowed.ts says how. */
const COUNTED: [string, number, Counts][] = [
  [
    'front',
    1_102_760,
    {
      ...{ answer: 1, record: 4, 'lanes.single': 128, 'lanes.row': 193, 'lanes.fill': 194, 'lanes.table': 192 },
      ...{ 'lanes.word': 4128, 'lanes.hop': 516 },
    },
  ],
  [
    'battery-spm',
    372_345,
    {
      ...{ answer: 1, record: 19, 'scale.element': 5, 'combine.element': 6, 'polynomial.element': 2 },
      ...{ 'polynomial.degree': 5, 'linear.element': 1, 'lanes.single': 128, 'lanes.row': 97, 'lanes.fill': 100 },
      ...{ 'lanes.table': 64, 'lanes.word': 1040, 'lanes.hop': 130, 'slopes.element': 32 },
    },
  ],
  [
    'heat-rod',
    514_993,
    {
      ...{ answer: 1, record: 22, 'scale.element': 5, 'linear.element': 3, 'combine.element': 7, 'lanes.single': 96 },
      ...{ 'lanes.row': 130, 'lanes.fill': 163, 'lanes.table': 96, 'lanes.word': 1568, 'lanes.hop': 196 },
      ...{ 'slopes.element': 32 },
    },
  ],
];

test.each(COUNTED)('of %s on the ESP32, %i instructions are predicted within 3 %%', (_, counted, counts) => {
  const prices = interpreterPrices('xtensa-lx6');
  const predicted = FEATURES.reduce((sum, feature) => sum + (counts[feature] ?? 0) * prices[feature], 0);
  expect(Math.abs(predicted / counted - 1)).toBeLessThan(0.03);
});

test('reports say what other engines would take, where the target runs others', async () => {
  const native = await smallModel('c');
  for (const name of listTargets()) {
    const target = loadTarget(name);
    const { engines } = packageBuild(native, target).report;
    if (target.isa === 'native') expect(engines).toBeUndefined();
    else if (!target.wasm3) expect(engines, name).toEqual([]);
    else expect(engines!.map(({ engine }) => engine)).toEqual(['wasm3', 'wasm3+native']);
  }
  const { engines, instructions } = packageBuild(await interpreted, loadTarget('cortex-m4')).report;
  expect(engines!.map(({ engine }) => engine)).toEqual(['wasm3+native', 'c']);
  // Interpreting costs ten times as much and more.
  for (const other of engines!) expect(10 * other.instructions).toBeLessThan(instructions!);
});
