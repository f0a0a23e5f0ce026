import { I32, I64, type Reader, Refusal } from './reader.js';

/** What the checks of a module read and count alike (targets/common/pe_check_read.c). */

export interface FunctionType {
  parameters: number[];
  /** Type of the result; undefined when there is none. */
  result?: number;
}

/** What the sections give, for those that come after. */
export interface ModuleParts {
  types: FunctionType[];
  hasTable: boolean;
  /** Functions that are not the module's own: 0 or 1. */
  imports: number;
  /** Type of each function, imports first. */
  functions: FunctionType[];
  globals: number;
  /** Functions whose exports are constants. */
  constants: Set<number>;
  /** Of all functions. */
  calls: number;
}

/** A counted list of at most `most` entries. */
export function list<T>(reader: Reader, most: number, what: string, read: (index: number) => T): T[] {
  const count = reader.leb();
  requireAtMost(count, most, what);
  return Array.from({ length: count }, (_, i) => read(i));
}

/** Throws {@link Refusal} for more than a device has room for. */
export function requireAtMost(count: number, most: number, what: string): void {
  if (count > most) throw new Refusal(`it has ${count} ${what}; a device takes ${most}`);
}

/** The type, which must be i32 or i64: models have no floats. */
export function requireInteger(type: number, what: string): number {
  if (type !== I32 && type !== I64) throw new Refusal(`${what} is not i32 or i64`);
  return type;
}
