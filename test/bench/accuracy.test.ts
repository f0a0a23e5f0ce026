import { expect, test } from 'vitest';
import { Builds, wordsOf } from '../../bench/accuracy-builds.js';
import { ManyPoints } from '../../bench/many-points/many-points.js';
import type { Goal } from '../../compiler/code/cost/goal.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

/** What bench:accuracy attacks is what `compile` builds, and its program answers as every engine does. */

const model = modelFrom(perceptron([2, 5, 4, 2], 'tanh', 9));
const TOLERANCE = 3e-3;
const random = tableRandom(3);
const words = Int32Array.from({ length: 2 * 1000 }, () => random.int(-(2 ** 17), 2 ** 17));

test('builds that share formats are those of compile, and answer as the table before its layout', async () => {
  const builds = new Builds(model, TOLERANCE, false);
  for (const variant of ['wasm3/size', 'wasm3/speed', 'wasm3/memory', 'wasm3+native/speed', 'c/size', 'c/speed']) {
    const [engine, goal] = variant.split('/') as [BuildEngine, Goal];
    const build = await builds.buildOf(variant);
    const { table, wasm } = await compile(model, { tolerance: TOLERANCE, engine, goal });
    expect(Buffer.from(build.table).equals(table), variant).toBe(true);
    expect(Buffer.from(build.wasm).equals(wasm), variant).toBe(true);
    const plain = createOracle(decodeTable((await builds.formatsOf(variant)).table)).run(words).outputs;
    expect((await wordsOf(model, build))(words), variant).toEqual(plain);
  }
});

test('many points at a time have the integers of the oracle, whatever the widths', async () => {
  const program = new ManyPoints();
  for (const precision of ['8', '16', '32'] as const) {
    const { table } = await compile(model, { tolerance: 0.5, precision });
    const wanted = createOracle(decodeTable(table)).run(words).outputs;
    expect(program.answers(table, words), precision).toEqual(wanted);
  }
  program.dispose();
});
