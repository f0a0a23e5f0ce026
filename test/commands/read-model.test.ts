import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readModel } from '../../compiler/commands/read-model.js';
import { perceptron } from '../helpers/models.js';

/** What becomes of conditions and data where options narrow the box of a model that has them. */

const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = join(folder, 'model.json');
writeFileSync(join(folder, 'm.csv'), 'x0,x1,y0\n0,0,1\n0.75,0,1\n');
writeFileSync(
  file,
  JSON.stringify({
    ...perceptron([2, 3, 1]),
    physics: {
      residuals: [{ name: 'r', expression: 'y0_x0 + y0_x1', weight: 2 }],
      conditions: [
        { where: 'x0 = 0', expression: 'y0' },
        { where: 'x1 = 1', expression: 'y0 - x0' },
      ],
      data: [{ file: 'm.csv' }],
    },
  }),
);

describe('conditions and data', () => {
  it('stay as they are in a model that stays as it is', async () => {
    const { physics } = await readModel(file, {}, true);
    expect(physics?.residuals?.[0].weight).toBe(2);
    expect(physics?.conditions).toHaveLength(2);
    expect(physics?.data?.[0].rows).toHaveLength(2);
  });

  it('go where a narrower box leaves them out', async () => {
    const { physics } = await readModel(file, { input: [{ name: 'x1', min: -0.5, max: 0.5 }] }, true);
    expect(physics?.conditions).toEqual([{ where: 'x0 = 0', expression: 'y0' }]);
    const narrow = await readModel(file, { input: [{ name: 'x0', min: 0.5, max: 1 }] }, true);
    expect(narrow.physics?.conditions).toEqual([{ where: 'x1 = 1', expression: 'y0 - x0' }]);
    expect(narrow.physics?.data?.[0].rows).toEqual([[0.75, 0, 1]]);
  });

  it('go with an input that is fixed, and an emptied list is not an empty one', async () => {
    const { physics } = await readModel(file, { fix: ['x1=0'] }, true);
    expect(physics?.conditions).toEqual([{ where: 'x0 = 0', expression: 'y0' }]);
    expect(physics?.data).toBeUndefined();
    const none = await readModel(file, { input: [{ name: 'x0', min: 0.5, max: 1 }], fix: ['x1=0'] }, true);
    expect(none.physics?.conditions).toBeUndefined();
  });
});
