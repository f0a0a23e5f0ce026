import type { IrGraph } from '../../ir/types.js';
import { bytesBesides, costOf, storedBytes, weightBytes } from '../graph-cost.js';
import { coreOf, STUDENT_FUNCTIONS, type StudentFunction } from '../student/core.js';
import { GrowingStudent } from '../student/grow.js';
import type { SearchPoints } from '../teacher/search-points.js';
import { residuals, type Teacher } from '../teacher/teacher.js';
import type { Attempt, Found, SingleOptions } from './one-method.js';
import { searchPruned } from './prune-search.js';

/**
 * Fresh networks of one or two hidden layers for the function of a deeper one. Shapes race at equal bytes, half of them
 * going on each time; the winner grows until refinement brings it within the tolerance, and neurons that it can spare are
 * taken out again.
 */

const DEPTHS = [1, 2] as const;
/** Bytes at which the shapes are compared. */
const ROUNDS = [48, 96, 192] as const;
/** Steps of the fit after every growth, in the race and after it. */
const RACE_STEPS = 12;
const STEPS = 32;
/** Neurons of every layer that are added at a time, as a part of those that are there. */
const GROWTH = 1 / 8;
/** Root mean square error, in parts of the limit, from which refinement is tried. */
const READY = 0.7;
/** The same after an attempt that failed, of what it was then. */
const READIER = 0.8;
/** Part of the share that is left to the rounding of weights. */
const FOR_ROUNDING = 0.08;
/** Growths over which the pace is judged, and how many times the bytes to beat it may lead to. */
const OUTLOOK = 6;
const HOPELESS = 1.6;
/** Multiply-adds of a refinement per cubed parameter: some points per parameter, and a hundred steps. */
const REFINEMENT = 300;

export async function runStudent(teacher: Teacher, points: SearchPoints, options: SingleOptions): Promise<Found> {
  const core = coreOf(teacher.graph);
  if (!core) return { attempts: [] };
  return new StudentSearch(teacher, points, options).run((fn, depth) => {
    return new GrowingStudent(teacher, core, fn, depth, points.pool);
  });
}

class StudentSearch {
  private readonly attempts: Attempt[] = [];
  private readonly limit: number;
  private work = 0;
  private stopped = false;

  constructor(
    private readonly teacher: Teacher,
    private readonly points: SearchPoints,
    private readonly options: SingleOptions,
  ) {
    this.limit = options.round ? (1 - FOR_ROUNDING) * options.share : options.share;
  }

  async run(make: (fn: StudentFunction, depth: number) => GrowingStudent): Promise<Found> {
    const { teacher, attempts } = this;
    let bound = READY * this.limit;
    // Where an output is zero throughout, nothing is relative to it.
    if (!(this.rmsOf(teacher.graph) >= 0)) return { attempts };
    const student = await this.race(make);
    while (await this.growUntil(student, bound)) {
      const graph = await this.refined(student);
      if (graph) return { graph, bytes: storedBytes(graph), attempts, refined: true };
      if (this.stopped) break;
      bound = READIER * this.rmsOf(student.graph);
    }
    return { attempts };
  }

  /** The shape that has come furthest with the same bytes. */
  private async race(make: (fn: StudentFunction, depth: number) => GrowingStudent): Promise<GrowingStudent> {
    const functions = Object.keys(STUDENT_FUNCTIONS) as StudentFunction[];
    let runners = DEPTHS.flatMap((depth) => functions.map((fn) => make(fn, depth)));
    for (const bytes of ROUNDS) {
      const raced: { student: GrowingStudent; rms: number }[] = [];
      for (const student of runners) {
        do this.grow(student, RACE_STEPS);
        while (weightBytes(student.graph, 16) < bytes && !(await this.isOver()));
        raced.push({ student, rms: this.rmsOf(student.graph) });
        // Nothing is smaller than the first that is good enough in the first round.
        if (raced[raced.length - 1].rms <= READY * this.limit) return student;
      }
      raced.sort((a, b) => a.rms - b.rms);
      runners = raced.slice(0, Math.ceil(raced.length / 2)).map(({ student }) => student);
      if (await this.isOver()) break;
    }
    return runners[0];
  }

  /** @returns whether the root mean square error has come below a bound before the bytes or the work went out */
  private async growUntil(student: GrowingStudent, bound: number): Promise<boolean> {
    const history: { bytes: number; rms: number }[] = [];
    const { beat = Number.POSITIVE_INFINITY, goal } = this.options;
    const most = goal === 'speed' ? Number.POSITIVE_INFINITY : beat - bytesBesides(student.graph);
    for (;;) {
      const { graph } = student;
      const rms = this.rmsOf(graph);
      const bytes = weightBytes(graph, 16);
      if (rms <= bound) return true;
      history.push({ bytes, rms });
      const isSlow = goal === 'speed' && costOf(graph, goal) >= HOPELESS * beat;
      if (bytes >= most || isSlow || (await this.isOver())) return false;
      const [before, now] = [history.at(-1 - OUTLOOK), history[history.length - 1]];
      if (before) {
        const pace = Math.log(before.rms / now.rms) / Math.log(now.bytes / before.bytes);
        const wanted = now.bytes * (now.rms / bound) ** (1 / Math.max(pace, 0.01));
        if (wanted > HOPELESS * most || REFINEMENT * (wanted / 2) ** 3 > this.options.maxWork) return false;
      }
      this.grow(student, STEPS);
    }
  }

  private grow(student: GrowingStudent, steps: number): void {
    const before = student.work;
    student.grow(Math.max(1, Math.floor((GROWTH * student.neurons) / student.depth)), steps);
    this.work += student.work - before;
    this.options.onWork?.(student.work - before);
  }

  private async refined(student: GrowingStudent): Promise<IrGraph | undefined> {
    const { teacher, options, limit, points } = this;
    const { graph, attempts } = await searchPruned(teacher, teacher.graph, {
      start: { graph: student.graph, points, by: 'student', what: student.description },
      target: limit,
      goal: options.goal,
      maxWork: Math.max(0, options.maxWork - this.work),
      onWork: options.onWork,
      checkpoint: () => this.checkpoint(),
      onAttempt: options.onAttempt,
    });
    this.attempts.push(...attempts);
    return graph;
  }

  private async isOver(): Promise<boolean> {
    return (await this.checkpoint()) || this.work > this.options.maxWork;
  }

  private checkpoint = async (): Promise<boolean> => {
    this.stopped ||= (await this.options.checkpoint?.()) ?? false;
    return this.stopped;
  };

  /** Root mean square error over the inside of the box, in units of the allowed error, of the worst output. */
  private rmsOf(graph: IrGraph): number {
    const { teacher } = this;
    const { pool } = this.points;
    const width = teacher.allowances.length;
    const squares = new Float64Array(width);
    residuals(teacher, graph, pool)
      .subarray(0, pool.interior * width)
      .forEach((r, i) => {
        squares[i % width] += r * r;
      });
    return Math.sqrt(Math.max(...squares) / pool.interior);
  }
}
