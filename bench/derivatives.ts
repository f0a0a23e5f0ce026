import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { layerReports } from '../compiler/deliver/package/layer-report.js';
import { EXIT, PinnEdgeError } from '../compiler/diagnostics.js';
import { approximate } from '../compiler/formats/search/attempt-errors.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { withDerived } from '../compiler/import/select-outputs.js';
import { type CompiledModel, compile } from '../compiler/index.js';
import type { PointFunction } from '../compiler/judge/measure.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import { inputBox } from '../compiler/model/box.js';
import { forEachMeaning, type Meaning, onlyOutput } from '../compiler/model/derivatives.js';
import type { Model } from '../compiler/model/types.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { runTableOnBoard } from '../compiler/run/boards/run-table.js';
import { measurePhysics } from '../compiler/run/physics.js';
import { decodeTable } from '../compiler/table/table.js';
import { type DerivativesRow, derivativesSection } from './derivatives-document.js';
import { exampleNames } from './examples.js';
import { GRADIENTS, type GradientRow, measureGradient } from './gradients.js';
import { exampleModel } from './product.js';
import { DERIVATIVES, withSection } from './sections.js';

const USAGE = `Derivatives of the examples' residuals as outputs, beside differences of the same quantised network, and what they
cost on a Cortex-M4: npm run bench:derivatives -- , with

  --only burgers,front    what to run; default: every example that has residuals
  --for size              builds for few bytes instead of for speed
  --gradients             gradients in forward and in reverse mode instead
  --write                 the section "Derivatives" of docs/benchmarks.md, from what was kept
  --help                  this

Rows are kept in build/bench-derivatives.jsonl and bench-gradients.jsonl as they come, so a run that was interrupted goes on where it stopped.
`;

const CACHE = join(PACKAGE_ROOT, 'build/bench-derivatives.jsonl');
const GRADIENT_CACHE = join(PACKAGE_ROOT, 'build/bench-gradients.jsonl');
const DOCUMENT = join(PACKAGE_ROOT, 'docs/benchmarks.md');
const BOARD = 'cortex-m4';
/** By order: 0 is the value. */
const TOLERANCES = [1e-3, 2e-3, 1e-2];
const POINTS = 4096;
const RUNS = 16;
/** Steps of differences, as shares of an input's range. */
const STEPS = [4, 6, 8, 10, 12, 14].map((k) => 2 ** -k);

type Sent = Meaning & { kind: 'output' };

/** What the residuals are made of, by the names that `--derive` would give it. */
function derivativesOf(model: Model): Map<string, Sent> {
  const known = new Map<string, Sent>();
  for (const { expression } of model.physics?.residuals ?? []) {
    forEachMeaning(model, expression, (meaning) => {
      if (meaning.kind !== 'output' || !meaning.by.length) return;
      known.set(`${meaning.output.name}_${meaning.by.map((input) => model.inputs[input].name).join('')}`, meaning);
    });
  }
  return known;
}

type Goal = 'speed' | 'size';

async function build(model: Model, orders: ReadonlyMap<string, Sent>, goal: Goal): Promise<CompiledModel> {
  const outputs = Object.fromEntries([...orders].map(([name, { by }]) => [name, { relative: TOLERANCES[by.length] }]));
  const options = { engine: 'c', goal, isa: loadBoard(BOARD).isa } as const;
  for (;;) {
    try {
      return await compile(model, { ...options, tolerance: { all: { relative: TOLERANCES[0] }, outputs } });
    } catch (error) {
      // Such as c_t=0.0038: the nearest tolerance that can be kept.
      const nearest = error instanceof PinnEdgeError && error.code === 'PE4001' ? String(error.values.nearest) : '';
      const [name, relative] = nearest.split('=');
      if (!Object.hasOwn(outputs, name)) throw error;
      outputs[name] = { relative: Number(relative) };
    }
  }
}

async function measure(example: string, goal: Goal): Promise<DerivativesRow> {
  const model = exampleModel(example);
  const sent = derivativesOf(model);
  const derive = [...sent.keys()].map((name) => ({ name, expression: name }));
  const alone = await build(model, new Map(), goal);
  const whole = await build({ ...model, ...withDerived(model, { derive }) }, sent, goal);
  const derived = whole.model;
  const edge = approximate(derived, whole.lowered);
  const box = inputBox(model.inputs);
  const physics = measurePhysics(derived, undefined, edge, interiorPoints(box, POINTS));
  return {
    example: rowName(example, goal),
    outputs: whole.model.outputs.map(({ name }, k) => ({
      name,
      order: sent.get(name)?.by.length ?? 0,
      error: whole.measured.outputs[k].maxRelative,
    })),
    differences: [...sent].map(([name, meaning]) => ({
      name,
      errors: STEPS.map((step) => ({ step, error: differenceError(derived, edge, name, meaning, step) })),
    })),
    residuals: physics.residuals.map(({ name, moduleError, largestTerm }) => ({
      name,
      error: moduleError! / largestTerm,
    })),
    instructions: { alone: instructionsOf(alone), whole: instructionsOf(whole) },
    weightBytes: { alone: weightBytesOf(alone), whole: weightBytesOf(whole) },
  };
}

/** Largest error of central differences of the values that the build itself sends, by the largest derivative. */
function differenceError(model: Model, edge: PointFunction, name: string, { output, by }: Sent, share: number): number {
  const { min, max } = inputBox(model.inputs);
  const d = model.inputs.length;
  const h = by.map((input) => share * (max[input] - min[input]));
  // Within the box, so that both sides are.
  const points = interiorPoints({ min, max }, POINTS).map((v, i) => {
    const reach = by.reduce((sum, input, k) => sum + (input === i % d ? h[k] : 0), 0);
    return Math.min(max[i % d] - reach, Math.max(min[i % d] + reach, v));
  });
  const at = model.outputs.findIndex((one) => one.name === output.name);
  const values = (shift: readonly number[]) => {
    const moved = points.map((v, i) => by.reduce((sum, input, k) => sum + (input === i % d ? shift[k] : 0), v));
    return edge(moved).filter((_, i) => i % model.outputs.length === at);
  };
  let difference = new Float64Array(points.length / d);
  // Of every input half a step to either side; twice by one input that is the usual second difference.
  const whole = by.length > 1 ? 0.5 : 1;
  for (const signs of by.reduce<number[][]>(
    (all) =>
      all.flatMap((s) => [
        [...s, 1],
        [...s, -1],
      ]),
    [[]],
  )) {
    const sign = signs.reduce((product, s) => product * s, 1);
    const part = values(signs.map((s, k) => s * h[k] * whole));
    difference = difference.map(
      (v, p) => v + (sign * part[p]) / h.reduce((product, step) => product * 2 * step * whole, 1),
    );
  }
  const exact = evaluateReference(onlyOutput(model, model.outputs.find((one) => one.name === name)!), points);
  const largest = exact.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return difference.reduce((m, v, p) => Math.max(m, Math.abs(v - exact[p])), 0) / largest;
}

/** Every answer is compared with the oracle's. */
function instructionsOf({ table, model }: CompiledModel): number {
  const decoded = decodeTable(table);
  const box = inputBox(model.inputs);
  const words = interiorPoints(box, RUNS).map((v, i) => v * 2 ** decoded.inputs[i % decoded.inputs.length].exponent);
  return runTableOnBoard(loadBoard(BOARD), decoded, Int32Array.from(words, Math.round)).instructions;
}

function weightBytesOf(compiled: CompiledModel): number {
  return layerReports(compiled).reduce((sum, { bytes }) => sum + bytes, 0);
}

function readRows<Row>(cache: string): Row[] {
  if (!existsSync(cache)) return [];
  const lines = readFileSync(cache, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
}

function rowName(example: string, goal: Goal): string {
  return goal === 'speed' ? example : `${example}, for size`;
}

async function measureExamples(goal: Goal, only?: string): Promise<void> {
  const chosen = only?.split(',') ?? exampleNames().filter((name) => derivativesOf(exampleModel(name)).size > 0);
  for (const example of chosen) {
    if (readRows<DerivativesRow>(CACHE).some((row) => row.example === rowName(example, goal))) continue;
    appendFileSync(CACHE, `${JSON.stringify(await measure(example, goal))}\n`);
  }
}

function measureGradients(): void {
  for (const gradient of GRADIENTS) {
    if (readRows<GradientRow>(GRADIENT_CACHE).some(({ network }) => network === gradient.network)) continue;
    appendFileSync(GRADIENT_CACHE, `${JSON.stringify(measureGradient(gradient))}\n`);
  }
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    for: { type: 'string', default: 'speed' },
    gradients: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
} else if (values.for !== 'speed' && values.for !== 'size') {
  process.stderr.write(`--for ${values.for}: takes speed or size\n`);
  process.exitCode = EXIT.badInput;
} else {
  mkdirSync(dirname(CACHE), { recursive: true });
  if (values.gradients) measureGradients();
  else if (!values.write) await measureExamples(values.for, values.only);
  const section = derivativesSection(readRows(CACHE), readRows(GRADIENT_CACHE));
  if (values.write) writeFileWhole(DOCUMENT, withSection(readFileSync(DOCUMENT, 'utf8'), DERIVATIVES, section));
  else process.stdout.write(section);
}
