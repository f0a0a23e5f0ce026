import { KIND_NAMES, kernelIdentity, kernelKey, recordShape } from '../table/record.js';
import { FLAG, KIND } from '../table/specification.js';
import type { TableRecord } from '../table/table.js';
import { lanesSource } from './lanes-kernel.js';

/** Which kernel a record needs, and what it is called with. */

export interface Kernel {
  key: number;
  /** Instantiated AssemblyScript function. */
  call: string;
  file: string;
  name: string;
  /** What it takes, after whether there is one row only. */
  args: readonly Argument[];
  /** Of a kernel that is generated for one shape of record: columns, flags and way through the rows; its source. */
  shape?: readonly number[];
  source?: string;
  /** It runs the next record as well. */
  fused?: boolean;
}

/** Something that a kernel takes: an expression that reads it from a record, or its value when the record is known. */
export interface Argument {
  read: string;
  value(record: TableRecord, next: TableRecord | undefined, places: Places): number;
  /** It decides which code there is: never a parameter of a function that several records share. */
  isForm?: boolean;
  /** It addresses many elements at constant offsets (MANY_ELEMENTS). */
  isBase?: boolean;
}

/** Addresses in linear memory. */
export interface Places {
  arena: number;
  records: number;
  pool: number;
}

/**
 * Elements from which on a kernel reads their address from its record even where it is known. As a literal it would be
 * added to every offset, and wasm3, whose table of constants is searched from its start for each of them and copied in
 * every call, would get a constant per element. Fewer cost less than reading does.
 */
export const MANY_ELEMENTS = 48;

type Field = Exclude<keyof TableRecord, 'format' | 'kind'>;

const TYPES: Record<Field, string> = {
  flags: 'u8',
  shift: 'u8',
  shiftA: 'u8',
  shiftB: 'u8',
  rows: 'u16',
  cols: 'u16',
  a: 'u16',
  b: 'u16',
  out: 'u16',
  weights: 'u32',
  bias: 'u32',
  rowShifts: 'u32',
  origin: 'i32',
};

function load(field: Field, record = 'record'): string {
  const constant = `RECORD_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  return `load<${TYPES[field]}>(${record}, ${constant})`;
}

/** A field as it is. */
function plain(field: Field, isForm = false): Argument {
  return { read: load(field), value: (record) => record[field], isForm };
}

/** The arena address that a field counts in units of 2 bytes. */
function operand(field: Field): Argument {
  return {
    read: `operand(${load(field)}, arena)`,
    value: (record, _, { arena }) => arena + 2 * record[field],
  };
}

/** The address of what a field gives the offset of in the pool. */
function pooled(field: Field): Argument {
  return { read: `pool + ${load(field)}`, value: (record, _, { pool }) => pool + record[field] };
}

/** The same of the record after this one. */
function ofNext(argument: Argument): Argument {
  return {
    read: argument.read.replace('(record,', '(record + RECORD_BYTES,'),
    value: (_, next, places) => argument.value(next!, undefined, places),
  };
}

const FLAGS = plain('flags', true);
const SHIFT = plain('shift');
const ROWS = plain('rows');
const COLS = plain('cols');
const A = operand('a');
const ELEMENTS: Argument = { ...A, isBase: true };
const B = operand('b');
const OUT = operand('out');
const WEIGHTS = pooled('weights');
const BIAS = pooled('bias');
const ROW_SHIFTS = pooled('rowShifts');
const GUARD = plain('shiftA');
const TWO_SHIFTS = [plain('shiftA'), plain('shiftB')];
const ORIGIN = plain('origin');

/** In the order of the functions' parameters (runtime/kernels/, lanes.ts). */
const ARGUMENTS: Record<number, readonly Argument[]> = {
  [KIND.DENSE]: [FLAGS, SHIFT, GUARD, ROWS, plain('cols', true), A, WEIGHTS, BIAS, ROW_SHIFTS, OUT],
  [KIND.BLOCK]: [FLAGS, SHIFT, GUARD, plain('shiftB'), ROWS, COLS, A, WEIGHTS, BIAS, ROW_SHIFTS, B, OUT],
  [KIND.SCALE]: [FLAGS, SHIFT, GUARD, ROWS, A, WEIGHTS, BIAS, ROW_SHIFTS, OUT],
  [KIND.MAP_LINEAR]: [FLAGS, SHIFT, GUARD, ORIGIN, ROWS, COLS, A, WEIGHTS, OUT],
  [KIND.MAP_POLYNOMIAL]: [
    ...[FLAGS, SHIFT, ...TWO_SHIFTS, plain('bias', true), plain('rowShifts'), ORIGIN, ROWS, COLS],
    ...[A, WEIGHTS, OUT],
  ],
  [KIND.MAP_SLOPES]: [SHIFT, plain('shiftB'), ORIGIN, ROWS, COLS, A, WEIGHTS, OUT],
  [KIND.ADD]: [FLAGS, SHIFT, ...TWO_SHIFTS, ROWS, A, B, OUT],
  [KIND.MUL]: [FLAGS, SHIFT, ...TWO_SHIFTS, ROWS, A, B, OUT],
  [KIND.COPY]: [SHIFT, GUARD, ROWS, A, OUT],
  [KIND.MIN]: [FLAGS, SHIFT, ...TWO_SHIFTS, ROWS, A, B, OUT],
  [KIND.MAX]: [FLAGS, SHIFT, ...TWO_SHIFTS, ROWS, A, B, OUT],
  [KIND.SELECT]: [FLAGS, SHIFT, ...TWO_SHIFTS, ROWS, operand('cols'), A, B, OUT],
  [KIND.LANES]: [ROWS, SHIFT, ELEMENTS, WEIGHTS, ROW_SHIFTS, B, OUT],
  [KIND.SPLINE]: [
    ...[SHIFT, plain('shiftB'), plain('shiftA', true), ROWS],
    ...[plain('cols', true), A, WEIGHTS, BIAS, B, OUT],
  ],
};

const FUSED_ARGUMENTS = [
  ...[ROWS, SHIFT, ELEMENTS, WEIGHTS, ROW_SHIFTS, B, ofNext(OUT)],
  ...[SHIFT, plain('shiftB'), ORIGIN, COLS, WEIGHTS].map(ofNext),
];

/** The kernels that records need, in the order of their keys. */
export function kernelsOf(records: readonly TableRecord[]): Map<string, Kernel> {
  const kernels = new Map<string, Kernel>();
  for (const record of records) {
    const identity = kernelIdentity(record);
    if (!kernels.has(identity)) kernels.set(identity, kernelOf(record, kernels.size));
  }
  return new Map([...kernels].sort(([, p], [, q]) => p.key - q.key));
}

const INTEGER = { 1: 'i8', 2: 'i16', 4: 'i32' } as const;

function kernelOf(record: TableRecord, index: number): Kernel {
  const shape = recordShape(record);
  const [a, b, y, w] = [shape.aBytes, shape.bBytes, shape.outBytes, shape.weightBytes].map(
    (bytes) => INTEGER[bytes as 1 | 2 | 4],
  );
  const key = kernelKey(record);
  const kernel = (file: string, name: string, ...types: string[]): Kernel => ({
    key,
    file,
    name,
    call: `${name}<${types.join(', ')}>`,
    args: ARGUMENTS[record.kind],
  });
  switch (record.kind) {
    case KIND.LANES: {
      const name = `lanes${index}`;
      const shape = [record.cols, record.flags, record.bias];
      const fused = (record.flags & FLAG.FUSED) !== 0;
      const args = fused ? FUSED_ARGUMENTS : ARGUMENTS[KIND.LANES];
      return { key, file: '', name, call: name, args, shape, source: lanesSource(name, record), fused };
    }
    case KIND.MAP_SLOPES:
      return kernel('slopes', 'mapSlopes', a, y);
    case KIND.MAP_LINEAR:
      return kernel('map', 'mapLinear', a, y);
    case KIND.MAP_POLYNOMIAL:
      return kernel('map', 'mapPolynomial', a, y);
    case KIND.DENSE:
      return kernel('dense', 'dense', w, a, `i${shape.accBits}`, y);
    case KIND.BLOCK:
      return kernel('block', 'block', w, a, `i${shape.accBits}`, y);
    case KIND.SPLINE:
      return kernel('spline', 'spline', w, a, y);
    case KIND.SCALE:
      return kernel('scale', 'scale', w, a, y);
    case KIND.COPY:
      return kernel('combine', 'copy', a, y);
    case KIND.MIN:
      return kernel('choose', 'smaller', a, b, y);
    case KIND.MAX:
      return kernel('choose', 'larger', a, b, y);
    case KIND.SELECT:
      return kernel('choose', 'choose', shape.conditionBytes === 4 ? 'i32' : 'i16', a, b, y);
    default:
      return kernel('combine', KIND_NAMES[record.kind].toLowerCase(), a, b, y);
  }
}
