import { type BlockRow, blockText } from './training-blocks.js';
import { type BoardRow, DEVICE } from './training-boards.js';
import { estimatorText } from './training-estimators.js';
import { casesOf, MODES, type Row, STRUCTURES } from './training-rows.js';

/** The text of docs/benchmarks-training.md. */
export function trainingDocument(
  rows: readonly Row[],
  boards: readonly BoardRow[],
  blocks: readonly BlockRow[],
): string {
  return `# Training in integers

Written by \`npm run bench:training -- --write\`, whose trainings of the reduced sizes take ${thousands(secondsOf(rows, blocks))} processor seconds; what is trained, and in which numbers, says [training.md](training.md).
The column seeds says how many rows there were at the time.

${LEGEND}

${(['reduced', 'full'] as const)
  .map((size) => sizeText(size, rows))
  .filter(Boolean)
  .join('\n')}${boards.length ? `\n${boardText(boards)}` : ''}
${blockText(blocks)}${estimatorText()}`;
}

const secondsOf = (rows: readonly Row[], blocks: readonly BlockRow[]) =>
  [...rows.filter(({ size }) => size === 'reduced'), ...blocks].reduce((sum, { seconds }) => sum + seconds, 0);

const LEGEND = `Networks of sines learn a differential equation by AdaMax, with the same number of steps and, per seed, the same first
biases and points. Derivatives by the inputs are exact, or by Stein's estimator:

- \`exact\`: exact derivatives, float64. \`stein\`: Stein's estimator, float64.
- \`direct\`: Stein's estimator in integers, every perturbed point evaluated in INT8.
- \`differences\`: the same, the perturbed points carried as differences from the centre in blocks of their own.
- \`wide\`: as \`differences\`, with weights and values of 12 bits and gradients of 16.

Integers are SMX: blocks of 4 x 4 with a shared power of two, weights and values INT8, gradients INT12, rounded
stochastically. Hidden matrices are \`dense\`, tensor trains (\`train\`), or tensor trains whose halves are multiplied together
(\`merged\`, partial reconstruction); in floating point the last two are one function, which \`train\` shows.

- Error: ||u - solution|| / ||solution|| on 128 points, median over seeds, smallest and largest. \`integers\`: the network in
  the numbers that it was trained in. \`weights\`: its weights in their blocks, with values that are not rounded,
  as a build with 16-bit values has them. In floating point both are the same.
- Bytes: weights and biases, float32, or INT8 with a byte per block, and biases of 32 bits, of Poisson and of heat in 4-D 16.
- MACs: multiply-accumulates of a step, forward and backward. Mbit: what its products read and write, if every value passes
  through memory between them. s: processor seconds of a training.`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

const thousands = (value: number) => Math.round(value).toLocaleString('en-US');
const spread = (values: readonly number[]) =>
  `${median(values).toExponential(1)} (${Math.min(...values).toExponential(1)} .. ${Math.max(...values).toExponential(1)})`;

function sizeText(size: Row['size'], rows: readonly Row[]): string {
  const own = rows.filter((row) => row.size === size);
  if (!own.length) return '';
  const sections = casesOf(size === 'full').map((given) => {
    const of = own.filter(({ problem }) => problem === given.name);
    if (!of.length) return '';
    const { options, hidden, rank, smallestTrain } = given;
    const problem = given.problem();
    const rule = options.rule === 'gauss-hermite' ? 'sparse Gauss-Hermite' : `${options.pairs} pairs, ${options.rule}`;
    const conditions = options.conditionPoints ? ` and ${options.conditionPoints} of conditions` : '';
    const note = given.name === 'hjb-constant' ? `\n${DEGENERATE}\n` : '';
    return `## ${problem.title}${size === 'full' ? ', full size' : ''}

${problem.inputs}-${hidden.join('-')}-1, rank ${rank}${smallestTrain ? ', the layer of the inputs a train, too' : ''}; ${options.steps} steps of ${options.points} points${conditions}; sigma ${options.sigma}, ${rule}; rate ${options.rate}.
${note}
${tableOf(of)}

${findings(of)}
`;
  });
  return sections.filter(Boolean).join('\n');
}

const DEGENERATE = `With its hard constraint the answer of this equation is N = 1: a network that is nothing but the constant 1, a bias, has the
error 0. Whatever a row below shows, that baseline is better; the next equation has no such answer.`;

function tableOf(rows: readonly Row[]): string {
  const lines = MODES.flatMap((mode) =>
    STRUCTURES.flatMap((structure) => {
      const of = rows.filter((row) => row.mode === mode && row.structure === structure);
      if (!of.length) return [];
      const [{ weightBytes, macs, bits }] = of;
      return [
        `| ${mode} | ${structure} | ${of.length} | ${spread(of.map(({ error }) => error))} | ${spread(of.map(({ weightsError }) => weightsError))} | ${thousands(weightBytes)} | ${thousands(macs)} | ${(bits / 1e6).toFixed(1)} | ${median(of.map(({ seconds }) => seconds)).toFixed(1)} |`,
      ];
    }),
  );
  return `| derivatives | layers | seeds | error, integers | error, weights | bytes | MACs | Mbit | s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`;
}

/** What was asked of the method, and what came out. */
function findings(rows: readonly Row[]): string {
  const error = (mode: Row['mode'], structure: Row['structure'], of: 'error' | 'weightsError' = 'error') => {
    const values = rows.filter((row) => row.mode === mode && row.structure === structure).map((row) => row[of]);
    return values.length ? median(values) : Number.NaN;
  };
  const float = error('stein', 'train');
  if (!Number.isFinite(float + error('differences', 'merged')))
    return 'With `-- --full`. The rows that are missing take hours and days, and are not measured.';
  const times = (value: number, by: number) => `${(value / by).toPrecision(2)}x`;
  const bytes = (mode: Row['mode'], structure: Row['structure']) =>
    rows.find((row) => row.mode === mode && row.structure === structure)?.weightBytes ?? Number.NaN;
  const fewer = (mode: Row['mode'], structure: Row['structure']) => times(bytes(mode, 'dense'), bytes(mode, structure));
  return `Medians, of the error of \`stein\` with tensor trains: \`differences\` merged ${times(error('differences', 'merged'), float)} in integers and
${times(error('differences', 'merged', 'weightsError'), float)} by its weights, \`wide\` merged ${times(error('wide', 'merged'), float)} in integers, \`direct\` merged ${times(error('direct', 'merged'), float)}. Tensor trains have ${fewer('stein', 'train')} fewer bytes
than dense matrices in float32 at ${times(float, error('stein', 'dense'))} their error, and ${fewer('differences', 'merged')} fewer in integers at ${times(error('differences', 'merged'), error('differences', 'dense'))} with differences.`;
}

function boardText(rows: readonly BoardRow[]): string {
  const [{ steps, losses, error, moduleBytes }] = rows;
  const lines = rows.map((row) => {
    const each = [row.ramBytes, row.memoryBytes, row.heapBytes, row.stackBytes].map(thousands);
    return `| ${row.board} | ${thousands(row.instructions)} | ${(row.instructions / row.macs).toFixed(0)} | ${each.join(' | ')} |`;
  });
  return `## On a device

Poisson's equation on emulated boards: 2-${DEVICE.width}-${DEVICE.width}-1, dense, \`differences\`; ${steps} steps of ${DEVICE.points} points and ${DEVICE.conditionPoints} of conditions. The step is a
module of ${thousands(moduleBytes)} bytes under wasm3, with the firmware that runs models. After each of the ${steps} steps the loss and the hash of
all weights were those of the host in every bit: the loss goes from ${losses[0].toPrecision(6)} to ${losses[1].toPrecision(6)}, the error at the end is ${error.toExponential(1)}.

| board | instructions per step | per MAC | RAM | memory of the module | wasm3 | native stack |
| --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}

RAM is everything in bytes, variables of the firmware included.
`;
}
