import { PinnEdgeError } from '../diagnostics.js';

/** Words and checks for facts about inputs and outputs that come from a file, a spec and options. */

export function shorten(source: string): string {
  return source.length > 60 ? `${source.slice(0, 57)}...` : source;
}

/** Without the fields that are not there. */
export function defined<T extends object>(facts: T): Partial<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The entry of that name. @throws PE7009 */
export function named<T extends { name: string }>(file: string, what: string, list: readonly T[], name: string): T {
  const found = list.find((entry) => entry.name === name);
  if (found) return found;
  throw missing(
    file,
    what,
    name,
    list.map((entry) => entry.name),
  );
}

/** A name that the file does not have would be bound by its position, to something else. */
export function refuseUnknown(
  file: string,
  what: string,
  given: readonly { name: string }[],
  known: readonly string[],
): void {
  const unknown = given.find(({ name }) => !known.includes(name));
  if (unknown) throw missing(file, what, unknown.name, known);
}

function missing(file: string, what: string, name: string, known: readonly string[]): PinnEdgeError {
  const are = known.length === 1 ? 'is only' : 'are';
  return new PinnEdgeError('PE7009', { file, what, name, are, known: known.join(', ') || 'none' });
}
