import type { AddNode, ExtremumNode, IrNode, MulNode, SelectNode } from '../../../ir/types.js';
import { segmentsOf } from '../../quantized-graph.js';
import { FLAG, FORMAT, KIND, LIMIT } from '../../specification.js';
import type { Places } from '../places.js';
import type { RecordWriter } from '../record-writer.js';
import { runs } from '../runs.js';

const COMBINE_KINDS = { add: KIND.ADD, min: KIND.MIN, max: KIND.MAX, select: KIND.SELECT } as const;

/** Whether the scales of 1 - a b fit the fields of its record. */
export function fitsComplement(node: AddNode, { a, b }: MulNode, to: RecordWriter): boolean {
  const { exponent } = to.format(node);
  const known = (x: IrNode) => segmentsOf(x).map(({ leaf }) => to.format(leaf).exponent);
  const all = [...known(a), ...known(b)];
  const least = Math.min(...known(a)) + Math.min(...known(b));
  const most = Math.max(...known(a)) + Math.max(...known(b));
  return all.every((e) => e >= 0 && e <= 31) && least >= exponent && most - exponent <= LIMIT.MAX_SHIFT_64;
}

/** 1 - a b, one record per run: the product is not stored. */
export function lowerComplement(node: AddNode, { a: left, b: right }: MulNode, to: RecordWriter): void {
  const format = to.format(node);
  for (const { from, rows, operands } of runs(node.width, [left, right])) {
    const [a, b] = operands;
    const [fa, fb] = [to.format(a.leaf), to.format(b.leaf)];
    const fields = {
      kind: KIND.MUL,
      format:
        (fa.bits === 32 ? FORMAT.A_WIDE : 0) |
        (fb.bits === 32 ? FORMAT.B_WIDE : 0) |
        (format.bits === 32 ? FORMAT.OUT_WIDE : 0) |
        FORMAT.ACC_WIDE,
      flags:
        FLAG.SUBTRACT |
        (left.width === 1 && node.width > 1 ? FLAG.BROADCAST_A : 0) |
        (right.width === 1 && node.width > 1 ? FLAG.BROADCAST_B : 0),
      rows,
      shiftA: fa.exponent,
      shiftB: fb.exponent,
      shift: fa.exponent + fb.exponent - format.exponent,
    };
    const out = to.places.placeOf({ leaf: node, start: from, width: rows });
    to.push(node.name, fields, { a: to.places.placeOf(a), b: to.places.placeOf(b), out });
  }
}

/** Elementwise operations on two values, one record per run. */
export function lowerCombine(node: AddNode | MulNode | ExtremumNode | SelectNode, to: RecordWriter): void {
  const format = to.format(node);
  const values = node.kind === 'select' ? [node.a, node.b, node.condition] : [node.a, node.b];
  for (const { from, rows, operands } of runs(node.width, values)) {
    const [a, b, condition] = operands;
    const [fa, fb] = [to.format(a.leaf), to.format(b.leaf)];
    const common = {
      format:
        (fa.bits === 32 ? FORMAT.A_WIDE : 0) |
        (fb.bits === 32 ? FORMAT.B_WIDE : 0) |
        (format.bits === 32 ? FORMAT.OUT_WIDE : 0) |
        FORMAT.ACC_WIDE,
      flags:
        (node.kind === 'add' && node.subtract ? FLAG.SUBTRACT : 0) |
        (node.a.width === 1 && node.width > 1 ? FLAG.BROADCAST_A : 0) |
        (node.b.width === 1 && node.width > 1 ? FLAG.BROADCAST_B : 0),
      rows,
    };
    const places: Places = {
      a: to.places.placeOf(a),
      b: to.places.placeOf(b),
      out: to.places.placeOf({ leaf: node, start: from, width: rows }),
    };
    if (node.kind === 'mul') {
      const shift = fa.exponent + fb.exponent - format.exponent;
      to.push(node.name, { ...common, kind: KIND.MUL, shift }, places);
    } else {
      const finest = Math.max(fa.exponent, fb.exponent, format.exponent);
      const shifts = { shiftA: finest - fa.exponent, shiftB: finest - fb.exponent, shift: finest - format.exponent };
      if (node.kind === 'select') {
        const wide = to.format(condition.leaf).bits === 32;
        const broadcast = node.condition.width === 1 && node.width > 1;
        common.format |= wide ? FORMAT.WEIGHT_32 : FORMAT.WEIGHT_16;
        common.flags |= broadcast ? FLAG.BROADCAST_CONDITION : 0;
        places.condition = to.places.placeOf(condition);
      }
      to.push(node.name, { ...common, kind: COMBINE_KINDS[node.kind], ...shifts }, places);
    }
  }
}
