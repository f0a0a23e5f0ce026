import { withoutBlocks } from '../ir/blocks.js';
import { irParameterCount, trainableCount, weightSites } from '../ir/parameters.js';
import type { IrGraph } from '../ir/types.js';
import type { CompressOptions, Method } from './compress.js';
import { costOf, type Purpose, storedBytes, weightBytes } from './cost.js';
import { FAMILY_METHODS } from './families.js';
import { roundWithin } from './precision.js';
import { searchPruned } from './prune-search.js';
import { type Attempt, type Found, runSingle } from './single.js';
import { makePool, type Samples, shareOf, type Teacher } from './teacher.js';

/**
 * The search over all methods: a glance at all of them without refinement, neurons taken out step by step, then every single method as it would run alone, as long as
 * it can still win, then those that make matrices smaller once more on what is left. The network of fewest bytes wins (of
 * least work for `speed`), so no single method with the same options ends below it.
 */

/** What a search ends with. */
export interface Result extends Found {
  how: string;
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

export function runMethod(
  method: SingleName,
  teacher: Teacher,
  graph: IrGraph,
  pool: Samples,
  unseen: Samples,
  all: CompressOptions & { beat?: number },
): Promise<Found> {
  return runSingle(method, teacher, graph, pool, unseen, { ...all, maxWork: all.maxWork * SINGLE_WORK });
}

/** Those that work on matrices, and so on what is left once neurons are gone. */
const AFTER_PRUNING = ['lowrank', 'svd', 'tt', 'hmatrix'] as const;
/** Up to so many parameters, all methods without refinement are a matter of seconds, so that there is a result soon. */
const LARGEST_GLANCE = 10_000;
/** Networks of more parameters than this are made smaller by a second method, once pruned. */
const COMBINED_FROM = 300;

export interface SearchAllOptions extends CompressOptions {
  /** The last check of a network that would be the best. */
  holds?: (graph: IrGraph) => boolean;
}

export async function searchAll(
  teacher: Teacher,
  unseen: Samples,
  { holds = () => true, ...options }: SearchAllOptions,
): Promise<SearchAllResult> {
  const { purpose, share } = options;
  const whole = withoutBlocks(teacher.graph);
  const attempts: Attempt[] = [];
  const pool = makePool(teacher);
  let best: Result = { attempts, how: '' };
  const measure = () =>
    purpose === 'size'
      ? (best.bytes ?? weightBytes(whole, options.round ? 32 : 16))
      : costOf(best.graph ?? teacher.graph, purpose);

  const tryMethod = async (method: SingleName, start: IrGraph, name: string, refine = options.refine) => {
    const beat = measure();
    if ((await options.checkpoint?.()) || least(method, start, purpose) >= beat) return;
    const named = (attempt: Attempt) => ({ ...attempt, what: `${name}, ${attempt.what}` });
    const found = await runMethod(method, teacher, start, pool, unseen, {
      ...options,
      refine,
      beat,
      onAttempt: (attempt) =>
        options.onAttempt?.({ ...named(attempt), kept: attempt.kept && attempt.bytes < measure() }),
    });
    attempts.push(...found.attempts.map(named));
    const { graph } = found;
    if (!graph || !isStructure(found, start)) return;
    if ((purpose === 'size' ? found.bytes! : costOf(graph, purpose)) < beat && holds(graph))
      best = { ...found, attempts, how: found.refined ? `${name} + refine` : name };
  };

  // The runtime multiplies by zeros as by any weight.
  const structures = FAMILY_METHODS.filter((method) => method !== 'magnitude' || purpose === 'size');
  if (trainableCount(whole) <= LARGEST_GLANCE) {
    for (const method of structures) await tryMethod(method, whole, method, false);
  }
  const { graph: pruned, closest, ...search } = await searchPruned(teacher, whole, { ...options, target: share });
  attempts.push(...search.attempts);
  if (pruned) {
    const stored = (options.round && roundWithin(teacher, pruned, unseen, share)) || pruned;
    const bytes = storedBytes(stored);
    const wins = (purpose === 'size' ? bytes : costOf(stored, purpose)) < measure();
    if ((wins || !best.graph) && holds(stored))
      best = { graph: stored, unrounded: pruned, refined: true, bytes, attempts, how: 'prune + refine' };
  }
  for (const method of structures) await tryMethod(method, whole, method);
  if (best.graph && irParameterCount(best.graph) > COMBINED_FROM) {
    const from = best.graph;
    for (const method of AFTER_PRUNING) await tryMethod(method, from, `${best.how}, ${method}`);
  }
  const rounded = purpose === 'size' ? await narrower(teacher, unseen, options, best) : undefined;
  return { ...best, closest, rounded };
}

/** Fewer numbers, zeros or blocks: narrower weights alone are looked at for the whole network in the end. */
function isStructure({ graph, bytes }: Found, start: IrGraph): boolean {
  if (!graph) return false;
  const fewer = irParameterCount(graph) < irParameterCount(start);
  return fewer || bytes! < storedBytes(graph) || graph.nodes.some(({ kind }) => kind === 'blocks');
}

/** Fewer bytes than this no network of the method takes: neurons stay, each with its bias, and a rank is at least 1. */
function least(method: SingleName, graph: IrGraph, purpose: Purpose): number {
  if (purpose !== 'size' || method === 'prune') return 0;
  const ranks = method === 'lowrank' || method === 'svd' || method === 'tt';
  return weightSites(graph).reduce((n, { rows, x, bias }) => {
    return n + (ranks ? Math.min(rows * x.width, rows + x.width) : 0) + 4 * (bias?.length ?? 0);
  }, 0);
}

/** The whole network with narrower weights, where that takes fewer bytes than the best structure and keeps the tolerance. */
async function narrower(
  teacher: Teacher,
  unseen: Samples,
  options: CompressOptions,
  { bytes: limit = Number.POSITIVE_INFINITY, attempts }: Result,
): Promise<SearchAllResult['rounded']> {
  const { graph } = teacher;
  let best: SearchAllResult['rounded'];
  const wins = (bytes: number) => bytes < Math.min(limit, best?.bytes ?? Number.POSITIVE_INFINITY);
  for (const bits of [8, 16] as const) {
    if (!wins(weightBytes(graph, bits))) return best;
    const { bytes, attempts: tried } = await runSingle(`int${bits}`, teacher, graph, unseen, unseen, options);
    attempts.push(...tried.map((a) => ({ ...a, what: `int${bits}, ${a.what}` })));
    if (bytes !== undefined) best = { bytes, widths: `${bits} bits` };
  }
  const mixed = options.round ? roundWithin(teacher, graph, unseen, options.share) : undefined;
  if (mixed && wins(storedBytes(mixed))) {
    const bytes = storedBytes(mixed);
    const error = shareOf(teacher, mixed, unseen);
    const parameters = irParameterCount(mixed);
    attempts.push({ what: 'rounded by matrix', parameters, bytes, cost: costOf(mixed, 'size'), error, kept: true });
    best = { bytes, widths: '8 to 32 bits by matrix' };
  }
  return best;
}
