import type { ModelLeaf, ModelNode, Tensor } from './types.js';

/** Checks of structured weights: low-rank, hierarchical and tensor-train matrices. */

type StructuredNode = Extract<ModelNode, { op: 'low_rank' | 'hierarchical' | 'tensor_train' }>;

/** Reports a problem at a place within the node. */
type Report = (where: string, found: string, expected: string) => undefined;

/** The width of a node's value; undefined, with the problem reported, where its tensors do not fit together. */
export function structuredWidth(
  node: StructuredNode,
  inputs: readonly number[],
  tensors: ReadonlyMap<string, Tensor>,
  report: Report,
): number | undefined {
  const cols = inputs.reduce((sum, w) => sum + w, 0);
  const shapeOf = (name: string) => tensors.get(name)?.shape;
  const width = (() => {
    switch (node.op) {
      case 'low_rank': {
        const rows = shapeOf(node.left)?.[0];
        return rows === undefined || !factorsFit(node.left, node.right, rows, cols, '', shapeOf, report)
          ? undefined
          : rows;
      }
      case 'hierarchical': {
        const fits = node.leaves.map((leaf, i) => leafFits(leaf, `.leaves[${i}]`, node.width, cols, shapeOf, report));
        return fits.includes(false) ? undefined : node.width;
      }
      case 'tensor_train':
        return trainWidth(node, cols, shapeOf, report);
    }
  })();
  if (width === undefined || node.bias === undefined) return width;
  const bias = tensors.get(node.bias);
  if (!bias || bias.data.length === width) return width;
  return report('.bias', `shape [${bias.shape.join(', ')}]`, `[${width}], the rows of the matrix`);
}

type ShapeOf = (name: string) => readonly number[] | undefined;

function matrixFits(
  name: string,
  wanted: readonly [number | string, number | string],
  where: string,
  shapeOf: ShapeOf,
  report: Report,
): boolean {
  const shape = shapeOf(name);
  if (!shape) return false;
  const fits = shape.length === 2 && wanted.every((n, i) => typeof n === 'string' || n === shape[i]);
  if (!fits) report(where, `shape [${shape.join(', ')}]`, `[${wanted.join(', ')}]`);
  return fits;
}

function factorsFit(
  left: string,
  right: string,
  rows: number,
  cols: number,
  where: string,
  shapeOf: ShapeOf,
  report: Report,
): boolean {
  const rank = shapeOf(right)?.[0];
  if (rank === undefined) return false;
  return (
    matrixFits(right, ['rank', cols], `${where}.right`, shapeOf, report) &&
    matrixFits(left, [rows, rank], `${where}.left`, shapeOf, report)
  );
}

function leafFits(
  leaf: ModelLeaf,
  where: string,
  width: number,
  cols: number,
  shapeOf: ShapeOf,
  report: Report,
): boolean {
  for (const [field, limit] of [
    ['rows', width],
    ['cols', cols],
  ] as const) {
    const [start, stop] = leaf[field];
    if (start < stop && stop <= limit) continue;
    report(`${where}.${field}`, `[${start}, ${stop}]`, `[start, stop] with start < stop <= ${limit}`);
    return false;
  }
  const [rows, columns] = [leaf.rows[1] - leaf.rows[0], leaf.cols[1] - leaf.cols[0]];
  if ('weight' in leaf) return matrixFits(leaf.weight, [rows, columns], `${where}.weight`, shapeOf, report);
  return factorsFit(leaf.left, leaf.right, rows, columns, where, shapeOf, report);
}

function trainWidth(
  node: Extract<StructuredNode, { op: 'tensor_train' }>,
  cols: number,
  shapeOf: ShapeOf,
  report: Report,
): number | undefined {
  const chain = [
    ...node.outputCores.map((name, i) => ({ name, where: `.outputCores[${i}]` })),
    ...node.inputCores.map((name, i) => ({ name, where: `.inputCores[${i}]` })),
  ];
  let rank = 1;
  const modes: number[] = [];
  for (const { name, where } of chain) {
    const shape = shapeOf(name);
    if (!shape) return undefined;
    if (shape.length !== 3 || shape[0] !== rank)
      return report(
        where,
        `shape [${shape.join(', ')}]`,
        `[${rank}, mode, rank], as the core before it ends in ${rank}`,
      );
    modes.push(shape[1]);
    rank = shape[2];
  }
  if (rank !== 1) return report(chain[chain.length - 1].where, `a last rank of ${rank}`, 'a last rank of 1');
  const product = (from: number, to?: number) => modes.slice(from, to).reduce((n, m) => n * m, 1);
  const inputs = product(node.outputCores.length);
  if (inputs !== cols)
    return report('.inputCores', `modes with the product ${inputs}`, `${cols}, the width of "${node.inputs[0]}"`);
  return product(0, node.outputCores.length);
}
