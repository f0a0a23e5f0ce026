import { congruential, uniform } from '../../judge/points/random.js';
import { FIXED } from './number-formats.js';
import type { Derivatives } from './paths.js';
import { ANGLE_BITS, phaseOf, SINE_BITS, sineOf } from './sine.js';
import type { Random } from './smx.js';

/** A differential equation that a network N is trained on. The domain is the unit box; a time is the last input. */
export interface Problem {
  name: string;
  title: string;
  inputs: number;
  /** Inputs that the Laplacian is of, the first ones. */
  among: number;
  /** A point of the domain. */
  draw(random: Random): number[];
  /** A point at which the solution is known, and the solution there. */
  drawCondition?(random: Random): { point: readonly number[]; known: number };
  /** What the mean square of missed conditions counts, a power of two. */
  weight: number;
  /** The residual of the equation, and its derivatives by what the network gives. */
  residual(point: Float64Array, network: Derivatives): { residual: number; by: Derivatives };
  /** The approximate solution that a value of the network stands for, hard constraints included. */
  trial(point: ArrayLike<number>, value: number): number;
  /** The derivative of that by the value. */
  slope(point: ArrayLike<number>): number;
  solution(point: ArrayLike<number>): number;
}

/** Coordinates are multiples of 2^-14. */
const coordinate = (random: Random) => Math.floor(random() * 2 ** FIXED.point) / 2 ** FIXED.point;
const box = (inputs: number) => (random: Random) => Array.from({ length: inputs }, () => coordinate(random));

/** The sine in integers, so that a device has the same source and boundary values. */
const integerSine = (x: number) => sineOf(phaseOf(Math.round(x * 2 ** ANGLE_BITS))) / 2 ** SINE_BITS;

/** Laplace u = -sin(x + y), u = sin(x + y) / 2 on the edges of the unit square and within. */
export function poisson(): Problem {
  return {
    name: 'poisson',
    title: 'Poisson, 2-D',
    inputs: 2,
    among: 2,
    weight: 64,
    draw: box(2),
    drawCondition: (random) => {
      const side = Math.floor(random() * 4);
      const along = coordinate(random);
      const end = side >> 1;
      return { point: side & 1 ? [end, along] : [along, end], known: integerSine(end + along) / 2 };
    },
    residual: ([x, y], { laplacian }) => ({
      residual: laplacian + integerSine(x + y),
      by: { value: 0, gradient: new Float64Array(2), laplacian: 1 },
    }),
    trial: (_, value) => value,
    slope: () => 1,
    solution: (p) => Math.sin(p[0] + p[1]) / 2,
  } as Problem;
}

const sumOf = (values: ArrayLike<number>, count: number, f = (x: number) => x) => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += f(values[i]);
  return sum;
};
const square = (x: number) => x * x;

/**
 * Hamilton, Jacobi and Bellman in d dimensions: u_t + Laplace u - |grad u|^2 / d = -2, u(x, 1) = sum x; the solution is
 * sum x + 1 - t. With the constraint u = sum x + (1 - t) N the network has to become the constant 1.
 */
export function hjbConstant(d: number): Problem {
  return {
    ...hjb(d, 1 / d, -2),
    name: 'hjb-constant',
    title: `HJB, ${d}-D, solution N = 1`,
    trial: (p, value) => sumOf(p, d) + (1 - p[d]) * value,
    slope: (p) => 1 - p[d],
    solution: (p) => sumOf(p, d) + 1 - p[d],
    terminal: () => ({ slope: () => 1, laplacian: 0 }),
  } as Problem;
}

/**
 * u_t + Laplace u - |grad u|^2 = 0, u(x, 1) = log((1 + |x|^2) / 2), for which N is no constant. Its solution is
 * -log E exp(-u(x + sqrt(2 (1 - t)) W, 1)), W normal: the mean of `samples` seeded ones.
 */
export function hjbLogarithm(d: number, samples = 20_000): Problem {
  const terminal = (p: ArrayLike<number>) => Math.log((1 + sumOf(p, d, square)) / 2);
  const trial = (p: ArrayLike<number>, value: number) => terminal(p) + (1 - p[d]) * value;
  let noise: Float64Array | undefined;
  let faces: { point: readonly number[]; known: number }[] | undefined;
  const solution = (p: ArrayLike<number>) => {
    noise ??= normalNumbers(samples * d);
    const deviation = Math.sqrt(2 * (1 - p[d]));
    let mean = 0;
    for (let s = 0; s < samples; s++) {
      let squares = 0;
      for (let i = 0; i < d; i++) squares += square(p[i] + deviation * noise[s * d + i]);
      mean += 2 / (1 + squares);
    }
    return -Math.log(mean / samples);
  };
  const facePoints = () => {
    const random = uniform(d);
    faces ??= Array.from({ length: FACE_POINTS }, () => {
      const point = onFace(d, random);
      return { point, known: solution(point) };
    });
    return faces;
  };
  return {
    ...hjb(d, 1, 0),
    name: 'hjb-logarithm',
    title: `HJB, ${d}-D, u(x, 1) = log((1 + |x|^2) / 2)`,
    trial,
    solution,
    weight: 64,
    drawCondition: (random) => facePoints()[Math.floor(random() * FACE_POINTS)],
    slope: (p) => 1 - p[d],
    terminal: (p: ArrayLike<number>) => {
      const one = 1 + sumOf(p, d, square);
      return { slope: (i: number) => (2 * p[i]) / one, laplacian: (2 * d) / one - (4 * (one - 1)) / one ** 2 };
    },
  } as Problem;
}

/** Points of the faces at which the solution that holds in all of space is given: the box alone has more than one. */
const FACE_POINTS = 128;

function onFace(d: number, random: Random): number[] {
  const point = box(d + 1)(random);
  point[Math.floor(random() * d)] = random() < 0.5 ? 0 : 1;
  return point;
}

/** Seeded, in antithetic pairs. */
function normalNumbers(count: number): Float64Array {
  const random = congruential(20_241);
  const half = Float64Array.from({ length: count >> 1 }, () => {
    return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  });
  return Float64Array.from({ length: count }, (_, i) => (i < half.length ? half[i] : -half[i - half.length]));
}

/** What a terminal value adds to the derivatives of the trial function. */
interface WithTerminal {
  terminal(point: ArrayLike<number>): { slope(i: number): number; laplacian: number };
}

/** u = g(x) + (1 - t) N: u_t + Laplace u - factor |grad u|^2 - right. */
function hjb(d: number, factor: number, right: number): Omit<Problem, 'name' | 'title' | 'trial' | 'solution'> {
  return {
    inputs: d + 1,
    among: d,
    weight: 0,
    draw: box(d + 1),
    residual(this: WithTerminal, point, network) {
      const left = 1 - point[d];
      const { slope, laplacian } = this.terminal(point);
      const gradient = new Float64Array(d + 1);
      let squares = 0;
      for (let i = 0; i < d; i++) {
        const u = slope(i) + left * network.gradient[i];
        squares += u * u;
        gradient[i] = -2 * factor * u * left;
      }
      gradient[d] = left;
      const inTime = left * network.gradient[d] - network.value;
      const residual = inTime + laplacian + left * network.laplacian - factor * squares - right;
      return { residual, by: { value: -1, gradient, laplacian: left } };
    },
  } as Omit<Problem, 'name' | 'title' | 'trial' | 'solution'>;
}

/** u_t = Laplace u with u = |x|^2 / (2 d) + t at the start and on the faces of the box, and within. */
export function heat(d: number): Problem {
  const solution = (p: ArrayLike<number>) => sumOf(p, d, square) / (2 * d) + p[d];
  return {
    name: 'heat',
    title: `heat, ${d}-D`,
    inputs: d + 1,
    among: d,
    weight: 64,
    draw: box(d + 1),
    drawCondition: (random) => {
      const point = random() < 0.5 ? [...box(d)(random), 0] : onFace(d, random);
      return { point, known: solution(point) };
    },
    residual: (_, { gradient, laplacian }) => {
      const by = new Float64Array(d + 1);
      by[d] = 1;
      return { residual: gradient[d] - laplacian, by: { value: 0, gradient: by, laplacian: -1 } };
    },
    trial: (_, value) => value,
    slope: () => 1,
    solution,
  };
}

/** The solution at points, row-major [count x inputs]. */
export function referenceAt(problem: Problem, points: Float64Array): Float64Array {
  return Float64Array.from({ length: points.length / problem.inputs }, (_, p) => {
    return problem.solution(points.subarray(p * problem.inputs, (p + 1) * problem.inputs));
  });
}

/** ||trial - solution|| / ||solution|| over points, of the network's values there. */
export function errorAgainst(problem: Problem, points: Float64Array, values: Float64Array, reference: Float64Array) {
  let missed = 0;
  let all = 0;
  reference.forEach((u, p) => {
    const at = points.subarray(p * problem.inputs, (p + 1) * problem.inputs);
    missed += (problem.trial(at, values[p]) - u) ** 2;
    all += u * u;
  });
  return Math.sqrt(missed / all);
}
