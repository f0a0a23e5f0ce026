import type { IrGraph, IrNode } from '../../ir/types.js';
import { operands } from '../../ir/types.js';
import { appendSteps } from './function-tables.js';
import { type Program, ProgramBuilder } from './program.js';
import { appendModelSpline } from './spline-programs.js';

/** A graph of the compiler as a program over real numbers, and the ids of every node's components. */
export interface GraphProgram {
  program: Program;
  ids: ReadonlyMap<IrNode, Int32Array>;
}

/** @throws PE4201 for what is not covered */
export function readGraphProgram(graph: IrGraph, inputCount: number): GraphProgram {
  const to = new ProgramBuilder();
  const ids = new Map<IrNode, Int32Array>();
  for (const node of graph.nodes) {
    const read = operands(node).map((operand) => ids.get(operand)!);
    const appended = appendGraphNode(to, node, read);
    const isShared = appended.length === 1 && node.width > 1;
    ids.set(node, isShared ? new Int32Array(node.width).fill(appended[0]) : appended);
  }
  return { program: to.finish(inputCount, ids.get(graph.output)!), ids };
}

function appendGraphNode(to: ProgramBuilder, node: IrNode, read: readonly Int32Array[]): Int32Array {
  const [x, y, z] = read;
  switch (node.kind) {
    case 'input':
      return to.input(node.index);
    case 'constant':
      return to.constants(node.data);
    case 'affine':
      return to.affine(x, node.weight, node.bias);
    case 'blocks': {
      const sums = to.constants(node.bias);
      node.leaves.forEach(({ row, rows, weight }, leaf) => {
        const part = to.affine(read[leaf], weight, new Float64Array(rows));
        sums.set(to.linear(sums.subarray(row, row + rows), 1, 0, part, 1), row);
      });
      return sums;
    }
    case 'scale':
      return to.linear(x, node.scale, node.shift);
    case 'map':
      return appendSteps(to, node.fn.steps, x, 1, node.fn.phase, node.fn.periodic);
    case 'spline':
      return appendModelSpline(to, node, x);
    case 'add':
      return to.linear(x, 1, 0, y, node.subtract ? -1 : 1);
    case 'mul':
      return to.multiply(x, y);
    case 'min':
    case 'max':
      return to.extremum(node.kind, x, y);
    case 'select':
      return to.select(x, y, z);
    case 'concat':
      return Int32Array.from(read.flatMap((part) => Array.from(part)));
    case 'slice':
      return x.subarray(node.start, node.start + node.width);
  }
}
