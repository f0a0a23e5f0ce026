import type { Goal } from '../../code/cost/goal.js';
import { withoutBlocks } from '../../ir/blocks.js';
import { irParameterCount, modelParameterCount, trainableCount, weightSites } from '../../ir/parameters.js';
import type { IrGraph, IrNode } from '../../ir/types.js';
import type { CompressOptions, Method } from '../compress-options.js';
import { bytesBesides, costOf, storedBytes, weightBytes } from '../graph-cost.js';
import { roundWithin, roundWithPeaks } from '../matrices/precision.js';
import { refineWithin } from '../refine/refine-within.js';
import { coreOf } from '../student/core.js';
import type { PhysicsLessons } from '../teacher/physics-lessons.js';
import {
  addPeaks,
  type LastCheck,
  RETRY_SHARE,
  SEARCHES,
  type SearchPoints,
  searchPoints,
} from '../teacher/search-points.js';
import { shareOf, type Teacher } from '../teacher/teacher.js';
import { FAMILY_METHODS } from './families.js';
import { type Attempt, type Found, runSingle } from './one-method.js';
import { searchPruned } from './prune-search.js';
import { runSpline } from './spline-search.js';
import { runStudent } from './student-search.js';

/**
 * The search over all methods, the cheapest first: a glance at those that need no refinement, a spline (where conditions are
 * built in, only once no student is small, but for `speed`), a student, neurons
 * taken out step by step, then every single method as it would run alone, as long as it can still win, and those that make
 * matrices smaller once more on what is left. The network of fewest bytes of weights, records and function tables wins (of
 * least work for `speed`). Where a spline is half as large as the network, what comes after it gets little work.
 */

/** What a search ends with. */
export interface Result extends Found {
  how: string;
  /** Where the physics was a teacher. */
  physics?: PhysicsLessons;
}

export interface SearchAllResult extends Result {
  /** The whole network with narrower weights takes fewer bytes than any structure: how many, and how wide. */
  rounded?: { bytes: number; widths: string };
  /** The most accurate of the smaller networks that neurons were taken out of. */
  closest?: { graph: IrGraph; error: number };
}

export type SingleName = Exclude<Method, 'auto'>;

/** Part of the work of a search over all that each single method may take, there or alone. */
const SINGLE_WORK = 1 / 8;
/**
 * The same for all methods together after neurons were taken out with success, and as much again after each that wins: what
 * gains nothing for so long is unlikely to.
 */
const AFTER_WORK = 1 / 2;
/** The same of students, which are grown from nothing. */
const STUDENT_WORK = 1 / 3;
/** The same of students, of taking out neurons, and of all methods after that, where a spline has been found. */
const BESIDE_SPLINE = 1 / 8;
/** Functions with conditions built in of which no network of so few bytes is found are tried as splines. */
const SPLINE_FROM = 4096;
/** Splines are of interest that take less than so much of what there is. */
const SMALL_SPLINE = 1 / 2;

export async function runMethod(
  method: SingleName,
  teacher: Teacher,
  graph: IrGraph,
  points: SearchPoints,
  all: SearchAllOptions,
): Promise<Found> {
  if (method === 'student') return studentOf(teacher, graph, points, all);
  let { share } = all;
  for (let search = 1; ; search++) {
    const options = { ...all, share, maxWork: Math.min(all.maxWork * SINGLE_WORK, all.workLeft ?? all.maxWork) };
    const found = await (method === 'spline'
      ? runSpline(teacher, points, options)
      : runSingle(method, teacher, graph, points, options));
    if (!found.graph || !all.check || !wins(found, all)) return found;
    const { error, spent, peaks } = all.check(found.graph);
    if (spent <= 1) return found;
    // Rather no network than one that breaks its promise.
    if (search === SEARCHES)
      return { attempts: found.attempts.map((a) => (a.kept ? { ...a, within: false, kept: false, error } : a)) };
    points = addPeaks(points, peaks);
    share *= RETRY_SHARE;
  }
}

/** A student as it is stored; where the last check finds peaks it is refined again, not grown again. */
async function studentOf(
  teacher: Teacher,
  graph: IrGraph,
  points: SearchPoints,
  all: SearchAllOptions,
): Promise<Found> {
  const found = await runStudent({ ...teacher, graph }, points, {
    ...all,
    maxWork: Math.min(all.maxWork * STUDENT_WORK, all.workLeft ?? all.maxWork),
  });
  if (!found.graph || !wins({ graph: found.graph, bytes: weightBytes(found.graph, 8) }, all)) return found;
  const stored = await roundAndRecheck(teacher, found.graph, points, all);
  if (!stored) return { attempts: found.attempts.map((a) => (a.kept ? { ...a, within: false, kept: false } : a)) };
  return { ...found, ...stored, bytes: storedBytes(stored.graph) };
}

/** @returns whether the network measures less than what it has to beat, if anything */
function wins(
  { graph, bytes }: Pick<Found, 'graph' | 'bytes'>,
  { goal, beat = Number.POSITIVE_INFINITY }: Pick<SearchAllOptions, 'goal' | 'beat'>,
): boolean {
  return graph !== undefined && (goal !== 'speed' ? bytes! + bytesBesides(graph) : costOf(graph, goal)) < beat;
}

/** Those that work on matrices, and so on what is left once neurons are gone. */
const AFTER_PRUNING = ['lowrank', 'svd', 'tt', 'hmatrix'] as const;
/** Up to so many parameters, all methods without refinement are a matter of seconds, so that there is a result soon. */
const LARGEST_GLANCE = 10_000;
/** Networks of more parameters than this are made smaller by a second method, once pruned. */
const COMBINED_FROM = 300;

export interface SearchAllOptions extends CompressOptions {
  check?: LastCheck;
  /** Only networks that measure less than this are of interest. */
  beat?: number;
  /** What a network must be besides small and accurate. */
  accepts?: (graph: IrGraph) => boolean;
  /** Told of multiply-adds that were taken. */
  onWork?: (taken: number) => void;
  /** Of a single method: multiply-adds of refinement at most, where that is less than its part of all. */
  workLeft?: number;
}

export async function searchAll(teacher: Teacher, given: SearchAllOptions): Promise<SearchAllResult> {
  const { goal, share, maxWork } = given;
  const work = { done: 0, limit: maxWork * (STUDENT_WORK + 1 + AFTER_WORK) };
  /** From here on no more than so much, unless a method wins. */
  const allow = (left: number) => {
    work.limit = work.done + left;
  };
  const options: SearchAllOptions = {
    ...given,
    onWork: (taken) => {
      work.done += taken;
    },
    onAttempt: (attempt) => {
      given.onAttempt?.({ ...attempt, work: { done: work.done, left: Math.max(0, work.limit - work.done) } });
    },
  };
  const whole = withoutBlocks(teacher.graph);
  const attempts: Attempt[] = [];
  const points = searchPoints(teacher);
  let best: Result = { attempts, how: '' };
  const measure = () =>
    goal !== 'speed'
      ? (best.bytes ?? weightBytes(whole, options.round ? 32 : 16)) + bytesBesides(best.graph ?? whole)
      : costOf(best.graph ?? teacher.graph, goal);

  /** Whether the work that is allowed binds single methods. */
  let isBound = false;
  let afterWork = maxWork * AFTER_WORK;
  const tryMethod = async (method: SingleName, start: IrGraph, name: string, refine = options.refine) => {
    const beat = method === 'spline' && goal !== 'speed' ? SMALL_SPLINE * measure() : measure();
    if ((await options.checkpoint?.()) || lowerBoundBytes(method, start, goal) >= beat) return;
    if (refine && isBound && work.done >= work.limit) return;
    const named = (attempt: Attempt) => ({ ...attempt, by: name, what: `${name}, ${attempt.what}` });
    const found = await runMethod(method, teacher, start, points, {
      ...options,
      refine,
      beat,
      workLeft: isBound ? work.limit - work.done : undefined,
      onAttempt: (attempt) => {
        const measured = goal !== 'speed' ? attempt.bytes + attempt.besides! : attempt.cost;
        // Narrower weights alone are no structure: see below.
        const fewer = method === 'magnitude' || attempt.parameters < modelParameterCount(start);
        options.onAttempt?.({ ...named(attempt), kept: attempt.kept && fewer && measured < measure() });
      },
    });
    attempts.push(...found.attempts.map(named));
    const { graph } = found;
    if (!graph || !isStructure(found, start) || options.accepts?.(graph) === false) return;
    if (!wins(found, { goal, beat })) return;
    best = { ...found, attempts, how: found.refined ? `${name} + refine` : name };
    if (isBound) allow(afterWork);
  };

  // The runtime multiplies by zeros as by any weight.
  const structures = FAMILY_METHODS.filter((method) => method !== 'magnitude' || goal !== 'speed');
  if (trainableCount(whole) <= LARGEST_GLANCE) {
    for (const method of structures) await tryMethod(method, whole, method, false);
  }
  // A spline takes seconds to find, and the same time per answer however rough the function is. Conditions that are built in
  // are not exact in it.
  const isSplineFirst = !given.accepts && (goal === 'speed' || endsInMatrices(whole));
  if (isSplineFirst) await tryMethod('spline', whole, 'spline', false);
  isBound = best.graph !== undefined && best.how === 'spline';
  const pruneWork = isBound ? maxWork * BESIDE_SPLINE : maxWork;
  if (isBound) {
    afterWork = maxWork * BESIDE_SPLINE;
    allow(maxWork * BESIDE_SPLINE);
  }
  await tryMethod('student', whole, 'student');
  if (!isSplineFirst && measure() > SPLINE_FROM) await tryMethod('spline', whole, 'spline', false);
  allow(pruneWork + afterWork);
  const { closest, ...search } = await searchPruned(teacher, whole, {
    ...options,
    target: share,
    beat: measure(),
    maxWork: pruneWork,
  });
  attempts.push(...search.attempts);
  const pruned = search.graph && (await roundAndRecheck(teacher, search.graph, points, options));
  if (pruned) {
    const bytes = storedBytes(pruned.graph);
    const less = wins({ ...pruned, bytes }, { goal, beat: measure() });
    isBound = true;
    if (less || !best.graph) best = { ...pruned, refined: true, bytes, attempts, how: 'prune + refine' };
  }
  allow(isBound ? afterWork : maxWork * SINGLE_WORK * (structures.length + AFTER_PRUNING.length));
  for (const method of structures) await tryMethod(method, whole, method);
  if (best.graph && irParameterCount(best.graph) > COMBINED_FROM) {
    const from = best.graph;
    for (const method of AFTER_PRUNING) await tryMethod(method, from, `${best.how}, ${method}`);
  }
  const rounded = goal !== 'speed' ? await tryPlainRounding(teacher, points, options, best) : undefined;
  return { ...best, closest, rounded };
}

const SETTLING_STEPS = 80;

/**
 * A pruned network as it is stored: rounded, and refined again where the last check finds peaks.
 * @returns undefined where the peaks stay
 */
async function roundAndRecheck(
  teacher: Teacher,
  pruned: IrGraph,
  points: SearchPoints,
  { check, checkpoint, round, share }: SearchAllOptions,
): Promise<{ graph: IrGraph; unrounded: IrGraph } | undefined> {
  let unrounded = pruned;
  for (let search = 1; ; search++) {
    const graph = (round && roundWithPeaks(teacher, unrounded, points.unseen, share)) || unrounded;
    const checked = check?.(graph);
    if (!checked || checked.spent <= 1) return { graph, unrounded };
    if (search === SEARCHES) return undefined;
    share *= RETRY_SHARE;
    const settings = { target: share, maxSteps: SETTLING_STEPS, checkpoint };
    const refined = await refineWithin(teacher, unrounded, addPeaks(points, checked.peaks), share, settings);
    unrounded = refined.graph;
    points = refined.points;
  }
}

/** Fewer numbers, zeros or blocks: narrower weights alone are looked at for the whole network in the end. */
function isStructure({ graph, bytes }: Found, start: IrGraph): boolean {
  if (!graph) return false;
  const fewer = irParameterCount(graph) < irParameterCount(start);
  return fewer || bytes! < storedBytes(graph) || graph.nodes.some(({ kind }) => kind === 'blocks');
}

/** Whether every output is one of the last matrices' values. */
function endsInMatrices(graph: IrGraph): boolean {
  const heads = new Set<IrNode>(coreOf(graph)?.heads);
  return graph.output.parts.every((part) => heads.has(part.kind === 'slice' ? part.x : part));
}

/** Fewer bytes than this no network of the method takes: neurons stay, each with its bias, and a rank is at least 1. */
function lowerBoundBytes(method: SingleName, graph: IrGraph, goal: Goal): number {
  if (goal === 'speed' || method === 'prune' || method === 'student' || method === 'spline') return 0;
  const ranks = method === 'lowrank' || method === 'svd' || method === 'tt';
  return weightSites(graph).reduce((n, { rows, x, bias }) => {
    return n + (ranks ? Math.min(rows * x.width, rows + x.width) : 0) + 4 * (bias?.length ?? 0);
  }, bytesBesides(graph));
}

/** The whole network with narrower weights, where that takes fewer bytes than the best structure and keeps the tolerance. */
async function tryPlainRounding(
  teacher: Teacher,
  points: SearchPoints,
  options: CompressOptions,
  { graph: found, bytes: limit = Number.POSITIVE_INFINITY, attempts }: Result,
): Promise<SearchAllResult['rounded']> {
  const { graph } = teacher;
  let best: SearchAllResult['rounded'];
  const most = limit + (found ? bytesBesides(found) - bytesBesides(graph) : 0);
  const wins = (bytes: number) => bytes < Math.min(most, best?.bytes ?? Number.POSITIVE_INFINITY);
  for (const bits of [8, 16] as const) {
    if (!wins(weightBytes(graph, bits))) return best;
    const { bytes, attempts: tried } = await runSingle(`int${bits}`, teacher, graph, points, options);
    attempts.push(...tried.map((a) => ({ ...a, what: `int${bits}, ${a.what}` })));
    if (bytes !== undefined) best = { bytes, widths: `${bits} bits` };
  }
  const mixed = options.round ? roundWithin(teacher, graph, points.unseen, options.share) : undefined;
  if (mixed && wins(storedBytes(mixed))) {
    const bytes = storedBytes(mixed);
    const error = shareOf(teacher, mixed, points.unseen);
    const parameters = modelParameterCount(mixed);
    const made = { by: 'rounded', what: 'rounded by matrix', parameters, refined: false };
    attempts.push({ ...made, bytes, cost: costOf(mixed, 'size'), error, within: true, kept: true });
    best = { bytes, widths: '8 to 32 bits by matrix' };
  }
  return best;
}
