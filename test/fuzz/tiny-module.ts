/** The smallest module with everything that a model's module has, put together by hand so that parts can be wrong. */

/** Linear memory of these modules, in bytes. */
export const MEMORY_BYTES = 4096;

export interface Parts {
  custom: number[];
  import: number[];
  table: number[];
  start: number[];
  data: number[];
  /** Body of the export `run`, function 4: locals, instructions and end. */
  run: number[];
  /** Body of the export `input`; the constant 16 unless it is given. */
  input: number[];
  /** What the export `identity` returns; 16 unless it is given. */
  identity: number;
  /** Bodies of functions from 6 on, without parameters, which return an i32. */
  more: number[][];
}

const I32 = 0x7f;
const I64 = 0x7e;

/** A body with a loop, branches, both widths, memory and a call of function 5. */
const RUN = [
  ...[2, 2, I32, 1, I64], // locals 0 and 1 of i32, 2 of i64
  ...[0x03, 0x40], // loop
  ...[0x20, 2, 0x20, 0, 0xac, 0x7c, 0x21, 2], // local 2 += local 0
  ...[0x20, 0, 0x41, 1, 0x6a, 0x22, 0, 0x41, 5, 0x48, 0x0d, 0, 0x0b], // until local 0 is 5
  ...[0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 2, 0x0b], // a branch by table
  ...[0x41, 1, 0x24, 0, 0x0b, 0x41, 16, 0x20, 2, 0x37, 3, 32, 0x0b],
  ...[0x20, 2, 0x50, 0x04, I32, 0x41, 0, 0x05, 0x41, 16, 0x28, 2, 0, 0x0b, 0x21, 1], // if and else with a result
  ...[0x42, 7, 0x20, 2, 0x20, 1, 0x1b, 0xa7, 0x20, 1, 0x10, 5, 0x1a], // select, call
  ...[0x41, 0, 0x0b],
];

const FUNCTION_5 = [0, 0x20, 0, 0x20, 1, 0x73, 0x0b];

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** Of an i32. */
function signedLeb(value: number): number[] {
  const word = value | 0;
  const rest = word >> 6;
  return rest === 0 || rest === -1 ? [word & 0x7f] : [(word & 0x7f) | 0x80, ...signedLeb(word >> 7)];
}

function section(id: number, contents: number[] | undefined): number[] {
  return contents ? [id, ...leb(contents.length), ...contents] : [];
}

function exported(name: string, kind: number, index: number): number[] {
  return [name.length, ...new TextEncoder().encode(name), kind, index];
}

/** The sections of a module; what is undefined is left out. */
export function assemble(parts: Partial<Parts>): Uint8Array {
  const constant = [0, 0x41, 16, 0x0b];
  const more = parts.more ?? [];
  const identity = parts.identity === undefined ? constant : [0, 0x41, ...signedLeb(parts.identity), 0x0b];
  const bodies = [parts.input ?? constant, constant, identity, constant, parts.run ?? RUN, FUNCTION_5, ...more];
  const exports = [
    exported('memory', 2, 0),
    ...['input', 'output', 'identity', 'lastStatus', 'run'].map((name, i) => exported(name, 0, i)),
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(0, parts.custom),
    ...section(1, [2, 0x60, 0, 1, I32, 0x60, 2, I32, I32, 1, I32]),
    ...section(2, parts.import),
    ...section(3, [bodies.length, 0, 0, 0, 0, 0, 1, ...more.map(() => 0)]),
    ...section(4, parts.table),
    ...section(5, [1, 0, 1]),
    ...section(6, [2, I32, 1, 0x41, 0, 0x0b, I64, 0, 0x42, 0x7f, 0x0b]),
    ...section(7, [exports.length, ...exports.flat()]),
    ...section(8, parts.start),
    ...section(10, [bodies.length, ...bodies.flatMap((body) => [...leb(body.length), ...body])]),
    ...section(11, parts.data ?? [1, 0, 0x41, 8, 0x0b, 4, 1, 2, 3, 4]),
  ]);
}

export function tinyModule(parts: Partial<Parts> = {}): Uint8Array {
  return assemble(parts);
}

/** The same for a module whose kernels the firmware brings: a block table of its own, and pe.walk as function 0. */
export function tinyNativeModule(
  table: Uint8Array = Uint8Array.of(1, 2, 3, 4),
  run: readonly number[] = [0, 0x41, 8, 0x41, 64, 0x10, 0, 0x0b],
): Uint8Array {
  const ascii = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const constant = [0, 0x41, 8, 0x0b];
  const bodies = [constant, constant, constant, constant, run];
  const exports = [
    exported('memory', 2, 0),
    ...['input', 'output', 'identity', 'lastStatus', 'run'].map((name, i) => exported(name, 0, i + 1)),
  ];
  const custom = [...ascii('pinn-edge'), ...table];
  const length = Array.from({ length: 5 }, (_, i) => ((custom.length >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...length, ...custom],
    ...section(1, [2, 0x60, 0, 1, I32, 0x60, 2, I32, I32, 1, I32]),
    ...section(2, [1, ...ascii('pe'), ...ascii('walk'), 0, 1]),
    ...section(3, [5, 0, 0, 0, 0, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [exports.length, ...exports.flat()]),
    ...section(10, [bodies.length, ...bodies.flatMap((body) => [...leb(body.length), ...body])]),
  ]);
}
