import { denseStep } from '../../ir/dense-step.js';
import { evaluateIr, gradientIr } from '../../ir/evaluate.js';
import { mapValue } from '../../ir/map-function.js';
import { trainableCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { uniform } from '../../judge/points/random.js';
import { askTeacher, joinSamples, residuals, type Samples, type Teacher, trainingPoints } from '../teacher/teacher.js';
import { WorstPoints } from '../teacher/worst-points.js';
import { type Core, type Layer, STUDENT_FUNCTIONS, type Student, type StudentFunction, withStudent } from './core.js';
import { activeDirections } from './directions.js';
import { Projection } from './projection.js';

/**
 * A student that grows: neurons are chosen among many random ones by how much of the errors they would take away
 * (orthogonal least squares; Chen, Cowan and Grant, IEEE Trans. Neural Networks 2 (1991) 302), and all weights are then
 * fitted again.
 */
export class GrowingStudent {
  student: Student;
  work = 0;
  private readonly random: () => number;
  private readonly normal: () => number;
  private readonly worst: WorstPoints;
  /** Half the range of every component that the first layer reads. */
  private readonly half: Float64Array;

  /** @param depth number of hidden layers */
  constructor(
    private readonly teacher: Teacher,
    private readonly core: Core,
    readonly fn: StudentFunction,
    depth: number,
    pool: Samples,
  ) {
    this.random = uniform(teacher.seed + 17);
    this.normal = () => Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
    this.worst = new WorstPoints(teacher, pool, FEWEST_POINTS >> 1);
    const empty = (rows: number) => ({ weight: new Float64Array(0), bias: new Float64Array(rows) });
    const layers = Array.from({ length: depth }, () => empty(0));
    this.student = { fn, layers, heads: core.heads.map(({ width }) => empty(width)) };
    const points = trainingPoints(teacher, SELECTION_POINTS);
    const half = halfRanges(this.argumentOf(0, points), core.width);
    const directions = activeDirections(teacher, core, half);
    this.half = half;
    if (!directions) return;
    this.student = { ...this.student, directions };
    this.half = halfRanges(this.argumentOf(0, points), directions.bias.length);
  }

  get graph(): IrGraph {
    return withStudent(this.teacher.graph, this.core, this.student);
  }

  get depth(): number {
    return this.student.layers.length;
  }

  /** Such as `tanh 12-12`. */
  get description(): string {
    const { fn, directions, layers } = this.student;
    const widths = layers.map(({ bias }) => bias.length).join('-');
    return directions ? `${fn} ${widths} of ${directions.bias.length} directions` : `${fn} ${widths}`;
  }

  get neurons(): number {
    return this.student.layers.reduce((n, { bias }) => n + bias.length, 0);
  }

  /** Adds neurons to every layer, the first one first, and fits all weights. */
  grow(count: number, steps: number): void {
    this.student.layers.forEach((_, l) => {
      this.student = this.withNeurons(l, this.choose(l, count));
    });
    this.fit(steps);
  }

  fit(steps: number): void {
    const { teacher, student, graph } = this;
    const outputs = teacher.allowances.length;
    const count = Math.max(FEWEST_POINTS, Math.ceil((DENSITY * trainableCount(graph)) / outputs));
    const base = askTeacher(teacher, trainingPoints(teacher, count));
    this.worst.capacity = count >> 1;
    this.worst.update(graph);
    const fit = new Projection(teacher, graph, student.heads, joinSamples(base, this.worst.samples()));
    for (let n = 1, idle = 0; n <= steps && idle < IDLE_STEPS; n++) {
      const before = fit.square;
      if (!fit.step()) break;
      idle = fit.square > (1 - LEAST_GAIN) * before ? idle + 1 : 0;
      if (n % LOOK || n === steps) continue;
      this.worst.update(graph);
      fit.setSamples(joinSamples(base, this.worst.samples()));
    }
    this.work += fit.work;
  }

  /** What layer `l` reads at points, row-major [points x columns]. */
  private argumentOf(l: number, points: Float64Array): Float64Array {
    const { teacher, core, student } = this;
    const count = points.length / teacher.inputCount;
    const values = evaluateIr(teacher.graph, points, teacher.inputCount);
    let x: Float64Array = new Float64Array(count * core.width);
    let at = 0;
    for (const input of core.inputs) {
      const from = values.get(input)!;
      for (let p = 0; p < count; p++) {
        x.set(from.subarray(p * input.width, (p + 1) * input.width), p * core.width + at);
      }
      at += input.width;
    }
    const step = ({ weight, bias }: Layer) => {
      const out = new Float64Array(count * bias.length);
      denseStep(weight, bias, x, out, count, bias.length, x.length / count);
      return out;
    };
    const value = mapValue(STUDENT_FUNCTIONS[this.fn]);
    if (student.directions) x = step(student.directions);
    for (const layer of student.layers.slice(0, l)) x = step(layer).map(value);
    return x;
  }

  /**
   * The neurons of a layer that take away most of the errors, one after the other, to first order in the weights that read
   * them: row-major [columns of the layer + 1], the bias last.
   */
  private choose(l: number, count: number): Float64Array[] {
    const { teacher, student, graph } = this;
    const base = askTeacher(teacher, trainingPoints(teacher, SELECTION_POINTS));
    const samples = joinSamples(base, this.worst.samples());
    const x = this.argumentOf(l, samples.points);
    const columns = x.length / samples.count;
    const left = residuals(teacher, graph, samples);
    const isLast = l === student.layers.length - 1;
    const pulls = this.slopes(graph, samples, isLast ? student.heads : [student.layers[l + 1]]);
    const value = mapValue(STUDENT_FUNCTIONS[this.fn]);
    const outputs = teacher.allowances.length;
    const columnsOf = (neuron: Float64Array) => {
      const active = new Float64Array(samples.count);
      for (let p = 0; p < samples.count; p++) active[p] = value(argument(neuron, x, p, columns));
      return pulls.map((pull) => pull.map((g, i) => g * active[Math.floor(i / outputs)]));
    };
    const basis: Float64Array[] = [];
    const span = (vectors: readonly Float64Array[]) => {
      for (const vector of vectors) {
        const rest = orthogonal(vector, basis);
        if (!rest) continue;
        basis.push(rest);
        addTo(left, rest, -dot(left, rest));
      }
    };
    // Weights of inner layers are many, and do not make up for one another exactly.
    if (isLast) {
      span(pulls);
      for (let j = 0; j < student.layers[l].bias.length; j++) span(columnsOf(neuronOf(student.layers[l], j, columns)));
    }
    const chosen: Float64Array[] = [];
    for (let n = 0; n < count; n++) {
      let best: { neuron: Float64Array; gain: number } | undefined;
      const weights = pointWeights(left, samples.count);
      for (let c = 0; c < CANDIDATES; c++) {
        const neuron = this.candidate(l, x, columns, pick(weights, this.random()));
        let gain = 0;
        for (const vector of columnsOf(neuron)) {
          const rest = orthogonal(vector, basis);
          if (rest) gain += dot(left, rest) ** 2;
        }
        if (!best || gain > best.gain) best = { neuron, gain };
      }
      chosen.push(best!.neuron);
      if (isLast) span(columnsOf(best!.neuron));
    }
    return chosen;
  }

  /** d(residual)/d(every row of the given layers), one array [points x outputs] per row. */
  private slopes(graph: IrGraph, samples: Samples, layers: readonly Layer[]): Float64Array[] {
    const { teacher } = this;
    const sent = teacher.sent(graph);
    const outputs = teacher.allowances.length;
    const values = evaluateIr(sent, samples.points, teacher.inputCount);
    const arrays = new Set(layers.map(({ weight }) => weight));
    const nodes = sent.nodes.filter((node) => node.kind === 'affine' && arrays.has(node.weight));
    const slopes: Float64Array[] = [];
    for (let k = 0; k < outputs; k++) {
      const gradients = gradientIr(sent, values, k);
      let row = 0;
      for (const node of nodes) {
        const gradient = gradients.get(node)!;
        for (let r = 0; r < node.width; r++, row++) {
          slopes[row] ??= new Float64Array(samples.count * outputs);
          for (let p = 0; p < samples.count; p++) {
            slopes[row][p * outputs + k] = gradient[p * node.width + r] / teacher.allowances[k];
          }
        }
      }
    }
    return slopes;
  }

  /** A random neuron whose argument is near zero at a point. */
  private candidate(l: number, x: Float64Array, columns: number, p: number): Float64Array {
    const neuron = Float64Array.from({ length: columns + 1 }, this.normal);
    const length = Math.sqrt(neuron.reduce((sum, v, k) => (k < columns ? sum + v * v : sum), 0)) || 1;
    const most = l === 0 ? LARGEST_SLOPE : LARGEST_INNER_SLOPE;
    const slope = SMALLEST_SLOPE * (most / SMALLEST_SLOPE) ** this.random();
    for (let k = 0; k < columns; k++) {
      neuron[k] *= slope / length / (l === 0 ? this.half[k] : 1);
      neuron[columns] -= neuron[k] * x[p * columns + k];
    }
    return neuron;
  }

  private withNeurons(l: number, added: readonly Float64Array[]): Student {
    const { student } = this;
    const old = student.layers[l];
    const columns = added[0].length - 1;
    const rows = old.bias.length + added.length;
    const weight = new Float64Array(rows * columns);
    const bias = new Float64Array(rows);
    weight.set(old.weight);
    bias.set(old.bias);
    added.forEach((neuron, i) => {
      weight.set(neuron.subarray(0, columns), (old.bias.length + i) * columns);
      bias[old.bias.length + i] = neuron[columns];
    });
    const wider = (layer: Layer) => withColumns(layer, old.bias.length, rows);
    const isLast = l === student.layers.length - 1;
    const layers = student.layers.map((layer, k) => {
      return k === l ? { weight, bias } : k === l + 1 ? wider(layer) : layer;
    });
    return { ...student, layers, heads: isLast ? student.heads.map(wider) : student.heads };
  }
}

/** The layer with columns of zeros for neurons that are new in what it reads. */
function withColumns({ weight, bias }: Layer, before: number, after: number): Layer {
  const wider = new Float64Array(bias.length * after);
  for (let r = 0; r < bias.length; r++) wider.set(weight.subarray(r * before, (r + 1) * before), r * after);
  return { weight: wider, bias: bias.slice() };
}

const SELECTION_POINTS = 512;
const CANDIDATES = 100;
/** Training points per parameter, and at least so many. */
const DENSITY = 2;
const FEWEST_POINTS = 512;
const LOOK = 5;
/** So many steps in a row that lower the mean square by less end a fit. */
const IDLE_STEPS = 4;
const LEAST_GAIN = 3e-3;
/** Slopes of new neurons, per half the range of the inputs. */
const SMALLEST_SLOPE = 0.4;
const LARGEST_SLOPE = 60;
const LARGEST_INNER_SLOPE = 4;

function neuronOf({ weight, bias }: Layer, j: number, width: number): Float64Array {
  const neuron = new Float64Array(width + 1);
  neuron.set(weight.subarray(j * width, (j + 1) * width));
  neuron[width] = bias[j];
  return neuron;
}

function argument(neuron: Float64Array, x: Float64Array, p: number, width: number): number {
  let sum = neuron[width];
  for (let k = 0; k < width; k++) sum += neuron[k] * x[p * width + k];
  return sum;
}

/** The part of a column that the orthonormal ones leave, at unit length; undefined where next to nothing is left. */
function orthogonal(column: Float64Array, basis: readonly Float64Array[]): Float64Array | undefined {
  const before = dot(column, column);
  for (const q of basis) addTo(column, q, -dot(column, q));
  const left = dot(column, column);
  if (!(left > 1e-12 * before)) return undefined;
  const scale = 1 / Math.sqrt(left);
  return column.map((v) => v * scale);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addTo(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

/** Sums of the squared errors up to every point. */
function pointWeights(errors: Float64Array, count: number): Float64Array {
  const width = errors.length / count;
  const sums = new Float64Array(count);
  let sum = 0;
  for (let p = 0; p < count; p++) {
    for (let k = 0; k < width; k++) sum += errors[p * width + k] ** 2;
    sums[p] = sum;
  }
  return sums;
}

function pick(sums: Float64Array, share: number): number {
  const at = share * sums[sums.length - 1];
  const p = sums.findIndex((s) => s > at);
  return p < 0 ? 0 : p;
}

/** Half the range of every column of values, row-major [points x width]; 1 where it is a constant. */
function halfRanges(values: Float64Array, width: number): Float64Array {
  const min = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
  const max = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
  values.forEach((v, i) => {
    min[i % width] = Math.min(min[i % width], v);
    max[i % width] = Math.max(max[i % width], v);
  });
  return min.map((m, k) => (max[k] - m) / 2 || 1);
}
