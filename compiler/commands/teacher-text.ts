import type { CompressedModel } from '../compress/compress.js';
import { type Distance, distances } from '../compress/physics/distances.js';
import type { TeacherKind } from '../compress/physics/teach.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { Model } from '../model/types.js';
import { columns, error } from './output.js';

/** `compress --teacher`: which options leave something to be taught, and how far networks are from the exact solution. */

/** Refuses methods that refine no weights, which no teacher has an effect on. */
export function requireTeachable({
  teacher,
  method,
  refine,
}: {
  teacher: TeacherKind;
  method: string;
  refine: boolean;
}) {
  if (teacher === 'network') return;
  const refusal = (other: string, reason: string) =>
    new PinnEdgeError('PE3008', { option: `--teacher ${teacher}`, other, reason });
  if (!refine) throw refusal('--no-refine', 'weights are refined on the physics');
  if (['int8', 'int16', 'spline'].includes(method)) throw refusal(`--method ${method}`, 'it refines no weights');
  if (method === 'tt') throw refusal('--method tt', 'the cores of tensor trains are not refined on the physics');
}

/** Before and after compression; undefined of a model that says nothing of its solution. */
export interface Distances {
  given: Distance[];
  compressed: Distance[];
}

export function distancesOf(model: Model, { model: small }: CompressedModel): Distances | undefined {
  const given = distances(model);
  return given.length ? { given, compressed: small ? distances(small) : given } : undefined;
}

export function teacherText({ physics }: CompressedModel, from: Distances | undefined): string {
  const lines: string[] = [];
  if (physics) {
    const { loss, kept, steps } = physics;
    const result = kept ? `left as it was: ${kept}` : `-> ${error(loss.after)} in ${steps} steps`;
    lines.push(`  physics  loss ${error(loss.before)} (the given network's ${error(loss.given)}) ${result}\n`);
  }
  if (from) {
    const rows = from.given.map(({ name, relativeL2 }, k) => {
      const now = from.compressed[k].relativeL2;
      return [name, error(relativeL2), error(now), `${(now / relativeL2).toPrecision(3)} times as far`];
    });
    lines.push('\n', columns([['relative L2 error', 'given', 'compressed', ''], ...rows]));
  }
  return lines.join('');
}
