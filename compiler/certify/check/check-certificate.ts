import type { Model, ModelInput } from '../../model/types.js';
import { requireValidTable } from '../../table/check.js';
import { type Certificate, sha256 } from '../certificate.js';
import { readTableProgram } from '../read/block-table.js';
import { cellAt, cellsOver, type TableCell } from '../read/cells.js';
import { readModelProgram } from '../read/model.js';
import type { TableSpec } from '../read/program.js';
import { enclose, type TableBound } from './enclose.js';
import { type Ball, hull, moved, Polynomials, parabola, power, size, UP } from './polynomials.js';

/** The build that a certificate should be of; `modelHash` is computed from the model. */
export type CheckedBuild = { model: Model; modelHash: string; table: Uint8Array };

/**
 * Checks a certificate, without trusting who made it: that it is of this model and table, that its boxes cover the input
 * box, and, computed anew, that the bound holds in each of them. Shares with the prover nothing but the readers of model
 * and table. Gives why it is refused, or undefined.
 */
export function checkCertificate(
  { model, modelHash, table }: CheckedBuild,
  certificate: Certificate,
  onBox?: (done: number) => void,
): string | undefined {
  const { orders, outputs, inputs, splits } = certificate;
  if (certificate.modelHash !== modelHash) return 'it is of another model';
  if (certificate.tableHash !== sha256(table)) return 'it is of another block table';
  const ends = (all: Partial<ModelInput>[]) => JSON.stringify(all.map(({ name, min, max }) => [name, min, max]));
  if (ends(outputs) !== ends(model.outputs)) return "its outputs are not the model's";
  if (ends(inputs) !== ends(model.inputs)) return 'it is of another input box';
  const scales = model.outputs.map(({ scale = 1, offset = 0 }) => ({ scale, offset }));
  const edge = readTableProgram(requireValidTable(table), certificate.functions, scales);
  const reference = readModelProgram(model);
  const all = new Polynomials(inputs.length, orders.value);
  const errors = tableErrors();
  // The tree of boxes: the axis of a split in its middle, or a dot.
  const stack: [number[], number[]][] = [[inputs.map(({ min }) => min), inputs.map(({ max }) => max)]];
  let boxes = 0;
  for (const mark of splits) {
    const box = stack.pop();
    if (!box) return 'it has more boxes than the input box';
    const [low, high] = box;
    if (mark !== '.') {
      const axis = Number.parseInt(mark, 36);
      const middle = low[axis] + (high[axis] - low[axis]) / 2;
      if (!(middle > low[axis] && middle < high[axis])) return `its box ${boxes} cannot be split as it says`;
      const at = (x: number[]) => x.map((value, i) => (i === axis ? middle : value));
      stack.push([at(low), high], [low, at(high)]);
      continue;
    }
    const [p, q] = [edge, reference].map((program) => enclose(program, box, [orders.value, orders.slope], all, errors));
    for (const [k, { name, bound }] of outputs.entries()) {
      const [middle, radius] = all.range(p[k].p.map((c, i) => c - q[k].p[i]));
      const rounded = 2 ** -50 * (size(p[k].p) + size(q[k].p));
      const reached = (Math.abs(middle) + radius + rounded + p[k].r + q[k].r) * UP;
      if (!(reached <= bound)) return `output "${name}" may be off by ${reached}, not ${bound}, at ${low} .. ${high}`;
    }
    boxes++;
    onBox?.(boxes);
  }
  if (stack.length) return `its boxes leave out ${stack[0][0]} .. ${stack[0][1]}`;
  return boxes === certificate.boxes ? undefined : `it has ${boxes} boxes, not ${certificate.boxes}`;
}

/** What tables are off their functions over arguments low .. high: middle and radius, their own rounding left out. */
function tableErrors(): TableBound {
  const known = new Map<TableSpec, Ball[]>();
  return (table, low, high) => {
    const errors = known.get(table) ?? [];
    known.set(table, errors);
    const cells = cellsOver(table, low, high);
    for (const index of cells) errors[index] ??= difference(table, cellAt(table, index));
    return hull(cells.map((index) => errors[index]));
  };
}

const LINE = new Polynomials(1, 5);

/** What a cell's polynomial is off the claimed function, held to the width. */
function difference(spec: TableSpec, { from, to, start, width, parts, coefficients }: TableCell): Ball {
  const overPart = (n: number): Ball => {
    const [a, b] = [from + (n * (to - from)) / parts, from + ((n + 1) * (to - from)) / parts];
    const [{ p, r }] = enclose(spec.claim, [[a], [b]], [5, 1], LINE, () => [0, Number.POSITIVE_INFINITY]);
    const [t, h] = [((a + b) / 2 - start) / width, (b - a) / 2 / width];
    const c = moved(coefficients, t);
    const slack = (r + 2 ** -44 * size(coefficients)) * UP;
    const [off, spread] = parabola(p.map((q, k) => (c[k] ?? 0) * power(h, k) - q));
    const [middle, radius] = parabola(p);
    const [above, below] = [spec.high + spec.rounding - middle - radius, spec.low - spec.rounding - middle + radius];
    const ends = [Math.min(off - spread, above) - slack, Math.max(off + spread, below) + slack];
    return hull(ends.map((end) => [end, 0]));
  };
  return hull(Array.from({ length: parts }, (_, n) => overPart(n)));
}
