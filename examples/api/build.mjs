/**
 * What `import`, `build`, `verify`, `certify` and `simulate` do, from a program:
 *
 *     node examples/api/build.mjs [model.json] [folder]
 *
 * The last line is the answer of the device at the middle of the input box. Exit code 1 where the tolerance is not kept.
 */
import {
  buildForTarget,
  importModel,
  loadBuild,
  loadModel,
  loadTarget,
  PinnEdgeError,
  simulate,
  verify,
  writeBuild,
} from 'pinn-edge';

const [file = 'examples/front/model.json', folder = 'build/api'] = process.argv.slice(2);

/** Any format that `pinn-edge import` knows; names and ranges of inputs go into the second argument. */
async function imported(file) {
  const { model, notes } = await importModel(file);
  for (const note of notes) console.log(`note: ${note}`);
  return model;
}

try {
  const model = file.endsWith('.json') ? loadModel(file) : await imported(file);
  const built = await buildForTarget(
    model,
    loadTarget('esp32'),
    { tolerance: { relative: 1e-2 }, compress: 'none', goal: 'speed' },
    { file, onStage: ({ stage, detail }) => console.log(`${stage}: ${detail}`) },
  );
  writeBuild(folder, built.files);

  const build = loadBuild(folder);
  const { pass, outputs } = await verify(build, { samples: 4096 });
  for (const { name, maxRelative } of outputs) console.log(`${name}: largest error ${maxRelative.toExponential(2)}`);

  const middle = Float64Array.from(model.inputs, ({ min, max }) => (min + max) / 2);
  const { outputs: answers } = await simulate(build, middle); // row-major [points x inputs]
  console.log(`${folder} answers ${model.outputs.map(({ name }, k) => `${name} = ${answers[k]}`).join(', ')}`);
  process.exitCode = pass ? 0 : 1;
} catch (error) {
  if (!(error instanceof PinnEdgeError)) throw error;
  console.error(`error ${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
