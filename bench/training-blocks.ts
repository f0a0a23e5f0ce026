import { stagesOf } from '../compiler/compress/physics/stages.js';
import { kernelDistance } from '../compiler/compress/physics/tangent-kernel.js';
import { traineeOf } from '../compiler/compress/physics/terms.js';
import { type TrainSettings, trainModel } from '../compiler/compress/physics/train.js';
import { type BlockSettings, tangentKernelOf } from '../compiler/compress/physics/trained-blocks.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { uniform } from '../compiler/judge/points/random.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import { inputBox } from '../compiler/model/box.js';
import { exactSolutions } from '../compiler/model/physics.js';
import { type Model, parameterCount } from '../compiler/model/types.js';
import { withReference, withWidths } from './physics-problems.js';
import { markdown, short } from './tables.js';

/** Networks of equally many numbers trained from fresh weights: dense, of low rank, in hierarchical blocks. */

export const BLOCK_KINDS = ['dense', 'low rank', 'blocks', 'blocks, kernel'] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

interface BlockCase {
  example: string;
  title: string;
  /** Of the dense network, whose numbers all others may have at most; of the others. */
  narrow: readonly number[];
  wide: readonly number[];
  rank: number;
  settings: { steps: number; points: number };
  /** Values of parameters to begin with; every stage of the continuation is a training of its own. */
  from: Readonly<Record<string, number>>;
  every: number;
}

export const BLOCK_CASES: Readonly<Record<string, BlockCase>> = {
  poisson: {
    example: 'poisson-wide',
    title: 'Poisson',
    narrow: [2, 16, 16, 1],
    wide: [2, 24, 24, 1],
    rank: 4,
    settings: { steps: 120, points: 400 },
    from: {},
    every: 40,
  },
  burgers: {
    example: 'burgers',
    title: 'Burgers',
    narrow: [2, 14, 14, 14, 1],
    wide: [2, 20, 20, 20, 1],
    rank: 4,
    settings: { steps: 200, points: 400 },
    from: { nu: 0.1 },
    every: 40,
  },
};

export interface BlockRow {
  problem: string;
  kind: BlockKind;
  seed: number;
  parameters: number;
  /** Steps after which the relative L2 error was 1 % or less, if any; looked at every {@link LOOK} steps. */
  stepsToPercent?: number;
  /** Relative L2 errors in the end, and with normal noise of 1 % on every weight and on the inputs, of their ranges. */
  error: number;
  noisyWeights: number;
  noisyInputs: number;
  /** Distance of the tangent kernel from that at the start, at unit trace, after a third, two and all of the steps. */
  kernelMoved: number[];
  /** Median distance right after matrices were put into blocks, from the dense network's. */
  kernelOff?: number;
  seconds: number;
}

const LOOK = 5;
const KERNEL = 0.01;
const NOISE = 0.01;
const POINTS = 2048;

export const blockKey = ({ problem, kind, seed }: Pick<BlockRow, 'problem' | 'kind' | 'seed'>) =>
  [problem, kind, seed].join(' ');

export async function measureBlocks(problem: string, kind: BlockKind, seed: number): Promise<BlockRow> {
  const { example, narrow, wide, rank, settings, from, every } = BLOCK_CASES[problem];
  const most = parameterCount(withWidths(example, narrow));
  const widths = kind === 'dense' ? narrow : wide;
  const model = withReference(withWidths(example, widths, kind === 'low rank' ? rank : undefined), example);
  const blocks: BlockSettings = { tolerance: 1e-6, most, every, blockRank: 0, kernel: kind === 'blocks' ? 0 : KERNEL };
  const isBlocks = kind.startsWith('blocks');
  const start = process.cpuUsage();
  const { points } = settings;
  const stages = stagesOf(model, from, settings.steps);
  const steps = stages.reduce((n, stage) => n + stage.steps, 0);
  const looks = [Math.ceil(steps / 3), Math.ceil((2 * steps) / 3), steps];
  const kernels: Float64Array[] = [];
  let stepsToPercent: number | undefined;
  let step = 0;
  const checkpoint = async (best: () => Model) => {
    step++;
    if (step === 1 || looks.includes(step)) kernels.push(kernelOf(best()));
    const isLook = step % LOOK === 0 && stepsToPercent === undefined;
    if (isLook && errorsOf(best()) <= 0.01) stepsToPercent = step;
    return false;
  };
  let trained = model;
  let planned = 0;
  const off: number[] = [];
  for (const [k, stage] of stages.entries()) {
    const fixed: TrainSettings = {
      method: 'lm',
      init: k === 0,
      seed,
      from: {},
      frozen: [],
      points,
      steps: stage.steps,
    };
    const before = { ...trained, physics: stage.model.physics };
    const { model: after, adaptations = [] } = await trainModel(
      before,
      example,
      isBlocks ? { ...fixed, blocks } : fixed,
      { checkpoint },
    );
    trained = after;
    off.push(...adaptations.map((adaptation) => adaptation.kernelDistance.after));
    // Training ends before its last step where nothing lowers the loss.
    planned += stage.steps;
    step = planned;
    while (looks[kernels.length - 1] <= planned) kernels.push(kernelOf(trained));
  }
  const seconds = process.cpuUsage(start).user / 1e6;
  return {
    problem,
    kind,
    seed,
    parameters: parameterCount(trained),
    stepsToPercent,
    error: errorsOf(trained),
    noisyWeights: errorsOf(withNoise(trained, seed)),
    noisyInputs: errorsOf(trained, uniform(seed + 1)),
    kernelMoved: kernels.slice(1).map((kernel) => kernelDistance(kernel, kernels[0])),
    kernelOff: isBlocks ? median(off) : undefined,
    seconds,
  };
}

const kernelOf = (model: Model) => tangentKernelOf(traineeOf(model, 'network')).matrix();

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function withNoise(model: Model, seed: number): Model {
  const random = uniform(seed);
  const noisy = (data: Float64Array) => data.map((w) => w * (1 + NOISE * normal(random)));
  const tensors = [...model.tensors].map(([name, { shape, data }]) => [name, { shape, data: noisy(data) }] as const);
  return { ...model, tensors: new Map(tensors) };
}

/** Relative L2 error against the exact solution or the reference points, with noise on the inputs where there is a generator. */
function errorsOf(model: Model, random?: () => number): number {
  const d = model.inputs.length;
  const [table] = model.physics?.data ?? [];
  const [solution] = exactSolutions(model).values();
  const points = table
    ? Float64Array.from(table.rows.flatMap((row) => [...row].slice(0, d)))
    : interiorPoints(inputBox(model.inputs), POINTS);
  const wanted = (p: number) => (table ? table.rows[p][d] : solution(points.subarray(p * d, (p + 1) * d)));
  const at = points.map((x, i) => {
    const { min, max } = model.inputs[i % d];
    return random ? Math.min(max, Math.max(min, x + NOISE * (max - min) * normal(random))) : x;
  });
  const got = evaluateReference(model, at);
  let [errors, squares] = [0, 0];
  got.forEach((u, p) => {
    errors += (u - wanted(p)) ** 2;
    squares += wanted(p) ** 2;
  });
  return Math.sqrt(errors / squares);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** The section of docs/benchmarks-training.md. */
export function blockText(rows: readonly BlockRow[]): string {
  const sections = Object.entries(BLOCK_CASES).flatMap(
    ([problem, { title, narrow, wide, rank, settings, from, every }]) => {
      const own = rows.filter((row) => row.problem === problem);
      if (!own.length) return [];
      const lines = BLOCK_KINDS.flatMap((kind) => {
        const of = own.filter((row) => row.kind === kind);
        if (!of.length) return [];
        const middle = (value: (row: BlockRow) => number) => short(median(of.map(value)));
        const reached = of.flatMap(({ stepsToPercent }) => (stepsToPercent === undefined ? [] : [stepsToPercent]));
        const steps = reached.length
          ? `${median(reached)} (${reached.length} of ${of.length})`
          : `none of ${of.length}`;
        const parameters = median(of.map((row) => row.parameters));
        const moved = [0, 1, 2].map((k) => median(of.map(({ kernelMoved }) => kernelMoved[k])).toFixed(2)).join(', ');
        const off = of[0].kernelOff === undefined ? '' : middle((row) => row.kernelOff!);
        const errors = [
          middle((row) => row.error),
          middle((row) => row.noisyWeights),
          middle((row) => row.noisyInputs),
        ];
        return [[kind, String(of.length), String(parameters), String(4 * parameters), steps, ...errors, moved, off]];
      });
      const values = Object.entries(from).map(([name, value]) => `${name} = ${value}`);
      const start = values.length ? `; begun with ${values.join(', ')}, in six stages` : '';
      const head = ['matrices', 'seeds', 'numbers', 'bytes', 'steps to 1 %', 'error', 'noisy weights', 'noisy inputs'];
      const text = `### ${title}

Dense ${narrow.join('-')}, the others ${wide.join('-')}, low rank ${rank}; ${settings.steps} steps, blocks adapted every ${every}${start}.

${markdown([...head, 'kernel moved', 'off by blocks'], lines)}
`;
      return [text];
    },
  );
  return sections.length ? `## Matrices in blocks\n\n${LEGEND}\n\n${sections.join('\n')}\n` : '';
}

const LEGEND = `Networks of tanh learn the equations of two examples from fresh weights by Levenberg-Marquardt in float64
([training.md](training.md#matrices-in-blocks)), none with more numbers than the dense one: with hidden matrices dense, of low rank
from the start, in hierarchical blocks that are adapted on the way, and the same with the tangent kernel's distance in the loss,
where it counts 0.01. Networks in blocks have new points and a new damping after every adaptation, which may free those that are
stuck at u = 0, as other networks here are. Medians over seeds.

- Error: relative L2 error against the exact solution, of Burgers against the reference points of the example; also with normal
  noise of 1 % on every weight, and on the inputs of 1 % of their ranges.
- Kernel moved: distance of the tangent kernel on 8 fixed points from that at the start, both at unit trace, after a third,
  two and all of the steps. Looked at are the best weights so far: of networks in blocks those of whole rounds between
  adaptations, so that they have not moved before the end of the first. Off by blocks: its distance from that of the dense network right after it was put into blocks.`;
