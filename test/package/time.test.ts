import { expect, test } from 'vitest';
import { estimateTime } from '../../compiler/cost/time.js';
import { decodeTable } from '../../compiler/format/table.js';
import { listTargets, loadTarget } from '../../compiler/package/targets.js';
import { smallModel } from './fixture.js';

test('a time per answer for every target with a clock, at one instruction per cycle', async () => {
  const table = decodeTable((await smallModel()).table);
  for (const name of listTargets()) {
    const target = loadTarget(name);
    const time = estimateTime(table, 'wasm3', target);
    expect(time === undefined, name).toBe(target.clockHz === undefined);
    if (time) expect(time.seconds * target.clockHz!).toBeCloseTo(time.instructions, 3);
    expect(estimateTime(table, 'c', target)).toBeUndefined();
  }
  expect(estimateTime(table, 'wasm3', loadTarget('esp32'))!.isa).toBe('xtensa-lx106');
});
