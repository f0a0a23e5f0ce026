import { parameterLayout, withOwnWeights, zeroWeights } from '../../ir/parameters.js';
import { coresOf } from '../../ir/tensor-train.js';
import type { IrGraph } from '../../ir/types.js';
import { interiorPoints } from '../../judge/points/cover.js';
import type { Model } from '../../model/types.js';
import { roundWithin } from '../matrices/precision.js';
import type { Checkpoint } from '../refine/refine.js';
import type { PhysicsLessons } from '../teacher/physics-lessons.js';
import { evaluateOutputs, shareOf, type Teacher, unseenSamples } from '../teacher/teacher.js';
import { climb } from '../teacher/worst-points.js';
import { Collocation } from './collocation.js';
import { descend, pointsFor } from './descend.js';
import { lossOf } from './objective.js';
import { type Term, termsOf, type Weights } from './terms.js';

/**
 * The physics as a teacher: the weights of a compressed network are refined once more, on the residuals, conditions and data of
 * the model, alone or beside the float network. What the float network has learned wrongly can be learned better.
 */

export const TEACHERS = ['network', 'physics', 'both'] as const;
export type TeacherKind = (typeof TEACHERS)[number];

export interface TeachOptions {
  kind: Exclude<TeacherKind, 'network'>;
  /** Share of the tolerance that the result may be away from the network where that is a teacher, too. */
  share: number;
  /** Round the weights of the result. */
  round: boolean;
  seed: number;
  checkpoint?: Checkpoint;
}

/** Part of its share of the tolerance that a search may spend where refinement on physics follows: it needs room to move. */
export const ROOM = 0.6;
/** What the float network's errors count beside the physics, both as they are at the start: more, where it is left too far. */
const STRENGTHS = [1, 30, 1000] as const;
const STEPS = 120;
/** Networks of more weights are refined by L-BFGS. */
const LARGEST_SECOND_ORDER = 3500;
const GRADIENT_STEPS = 600;
/** Share of the tolerance that the rounding of weights may add. */
const ROUNDING = 0.15;

/**
 * @param model whose physics block it is
 * @param start the network before its weights were rounded
 * @returns no graph where the network stays as it was
 */
export async function teachPhysics(
  model: Model,
  teacher: Teacher,
  start: IrGraph,
  options: TeachOptions,
): Promise<{ graph?: IrGraph; unrounded?: IrGraph; lessons: PhysicsLessons }> {
  const { kind, seed } = options;
  const lossOfGraph = (graph: IrGraph) => {
    const terms = termsOf(model, graph);
    return lossOf(checkPoints(terms), teacher.inputCount).total;
  };
  const checkPoints = (terms: readonly Term[]) => {
    const count = pointsFor(parameterLayout(start).size);
    return new Collocation(terms, { count, seed, inputCount: teacher.inputCount }).check();
  };
  const loss = { given: lossOfGraph(teacher.graph), before: lossOfGraph(start), after: lossOfGraph(start) };
  const lessons = (kept?: string, steps = 0): { lessons: PhysicsLessons } => ({ lessons: { loss, steps, kept } });
  if (start.nodes.some((node) => node.kind === 'affine' && coresOf(node))) {
    return lessons('its tensor trains cannot be refined without their cores');
  }
  if (!withoutZeros(start).size) return lessons('it has no weights that learn');
  let steps = 0;
  for (const strength of kind === 'both' ? STRENGTHS : [0]) {
    const unrounded = withOwnWeights(start);
    const layout = withoutZeros(unrounded);
    const terms = balancedTerms(model, teacher, unrounded, strength, checkPoints);
    const descent = await descend({ layout, inputCount: teacher.inputCount }, terms, {
      method: layout.size <= LARGEST_SECOND_ORDER ? 'lm' : 'lbfgs',
      steps: layout.size <= LARGEST_SECOND_ORDER ? STEPS : GRADIENT_STEPS,
      seed,
      checkpoint: options.checkpoint,
    });
    steps += descent.steps;
    const graph = options.round ? rounded(teacher, unrounded) : unrounded;
    const isNear = graph && (kind === 'physics' || isWithin(teacher, graph, options.share));
    if (graph && isNear) {
      loss.after = lossOfGraph(graph);
      return { graph, unrounded, ...lessons(undefined, steps) };
    }
    if (descent.ending === 'interrupted') return lessons('the search was interrupted', steps);
  }
  return lessons('nearer to the physics it would leave the tolerance', steps);
}

/** Physics and, of some strength, the float network, each of them 1 as it is now. */
function balancedTerms(
  model: Model,
  teacher: Teacher,
  graph: IrGraph,
  strength: number,
  checkPoints: (terms: readonly Term[]) => Parameters<typeof lossOf>[0],
): Term[] {
  const scaledTo1 = (terms: readonly Term[], weight: number): Term[] => {
    const { total } = lossOf(checkPoints(terms), teacher.inputCount);
    const scale = Math.sqrt(weight / (total || 1));
    return terms.map((term) => ({ ...term, roots: term.roots.map((root) => root * scale) }));
  };
  const physics = scaledTo1(termsOf(model, graph), 1);
  return strength ? [...physics, ...scaledTo1([networkTerm(teacher, graph)], strength)] : physics;
}

/** Errors against the float network in units of their allowances. */
function networkTerm(teacher: Teacher, graph: IrGraph): Term {
  const { allowances, box, inputCount } = teacher;
  return {
    names: Array.from(allowances, (_, k) => `output ${k}`),
    graph: teacher.sent(graph),
    roots: allowances.map((a) => 1 / a),
    isResidual: false,
    density: 1,
    points: (count, skip) => interiorPoints(box, count, skip),
    wanted: (points) => evaluateOutputs(teacher.sent(teacher.graph), points, inputCount),
  };
}

/** Matrices that are zero somewhere are sparse on purpose: they stay as they are. */
function withoutZeros(graph: IrGraph): Weights['layout'] {
  const whole = parameterLayout(graph);
  const zeros = zeroWeights(graph);
  const offsets = new Map<Float64Array, number>();
  let size = 0;
  for (const [array, at] of whole.offsets) {
    if (zeros.some((k) => k >= at && k < at + array.length)) continue;
    offsets.set(array, size);
    size += array.length;
  }
  return { offsets, size };
}

/** Rounded such that little is added to the distance from the solution, which may be less than that from the float network. */
function rounded(teacher: Teacher, graph: IrGraph): IrGraph | undefined {
  const itself = { ...teacher, graph };
  return roundWithin(itself, graph, unseenSamples(itself), ROUNDING);
}

function isWithin(teacher: Teacher, graph: IrGraph, share: number): boolean {
  const unseen = unseenSamples(teacher);
  return shareOf(teacher, graph, unseen) <= share && climb(teacher, graph, unseen).error <= share;
}
