import { expect, test } from 'vitest';
import { predictInstructions } from '../../compiler/code/cost/instructions.js';
import { estimateTime } from '../../compiler/code/cost/time.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { decodeTable } from '../../compiler/table/table.js';
import { smallModel } from './fixture.js';

/** One count of instructions per report, by the target's own prices where its instruction set was measured. */

test('every target with wasm3 has one count of instructions, and a time where its clock is known, at one per cycle', async () => {
  const table = decodeTable((await smallModel()).table);
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
  ['esp32', 'xtensa-lx106'],
  ['esp32s3', 'xtensa-lx106'],
  ['rp2350', 'armv8-m.main'],
  ['rp2040', 'armv6-m'],
])('the report for %s counts by the prices of %s, in its instructions and in its time', async (name, isa) => {
  const { report } = packageBuild(await smallModel(), loadTarget(name));
  expect(report.time!.isa).toBe(isa);
  expect(report.instructions).toBe(report.time!.instructions);
});
