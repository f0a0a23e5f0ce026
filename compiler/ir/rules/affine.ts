import { multiply } from '../matrix.js';
import type { AffineNode, ConcatNode, IrNode } from '../types.js';
import type { FoldContext } from './context.js';
import { gatherColumns } from './gather.js';

/** Folding rules of affine steps y = W x + b: what is before one moves into its weights and bias. */

/**
 * W x + b with a simpler argument: scalings, constants and, where it makes W no larger, another affine step move into
 * it.
 */
export function simplifyAffine(node: AffineNode, context: FoldContext): IrNode {
  const { x, width: rows } = node;
  const cols = x.width;
  if (x.kind === 'scale') {
    const bias = node.bias.slice();
    const narrow = x.x.width === 1 && cols > 1;
    const weight = new Float64Array(rows * x.x.width);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        bias[r] += node.weight[r * cols + c] * x.shift[c];
        weight[narrow ? r : r * cols + c] += node.weight[r * cols + c] * x.scale[c];
      }
    }
    return { ...node, x: x.x, weight, bias };
  }
  if (x.kind === 'affine' && context.usedOnce(x) && rows * x.x.width <= rows * cols + cols * x.x.width) {
    return mergeAffine(node, x);
  }
  if (x.kind === 'affine' && context.usedOnce(x) && x.bias.some((b) => b !== 0)) return moveBias(node, x);
  if (x.kind === 'concat' && x.parts.some((part) => part.kind === 'constant')) return dropConstantColumns(node, x);
  if (x.kind === 'concat' && x.parts.some((part) => part.kind === 'scale' && part.x.width === part.width)) {
    return absorbScaledColumns(node, x);
  }
  return (x.kind === 'concat' && gatherColumns(node, x)) || node;
}

/** W [s*x + t; ...]: scalings of single parts of the argument move into their columns. */
function absorbScaledColumns(node: AffineNode, x: ConcatNode): AffineNode {
  const cols = x.width;
  const weight = node.weight.slice();
  const bias = node.bias.slice();
  let at = 0;
  const parts = x.parts.map((part) => {
    const from = at;
    at += part.width;
    if (part.kind !== 'scale' || part.x.width !== part.width) return part;
    for (let r = 0; r < node.width; r++) {
      for (let i = 0; i < part.width; i++) {
        const w = r * cols + from + i;
        bias[r] += weight[w] * part.shift[i];
        weight[w] *= part.scale[i];
      }
    }
    return part.x;
  });
  return { ...node, x: { ...x, parts }, weight, bias };
}

/** The bias between two factors of a low-rank matrix belongs to the outer one. */
function moveBias(outer: AffineNode, inner: AffineNode): AffineNode {
  const shift = multiply(outer.weight, inner.bias, outer.width, inner.width, 1);
  const bias = outer.bias.map((b, r) => b + shift[r]);
  return { ...outer, x: { ...inner, bias: new Float64Array(inner.width) }, bias };
}

function mergeAffine(outer: AffineNode, inner: AffineNode): AffineNode {
  const weight = multiply(outer.weight, inner.weight, outer.width, inner.width, inner.x.width);
  const shift = multiply(outer.weight, inner.bias, outer.width, inner.width, 1);
  return { ...outer, x: inner.x, weight, bias: outer.bias.map((b, r) => b + shift[r]), precision: undefined };
}

function dropConstantColumns(node: AffineNode, x: ConcatNode): AffineNode {
  const cols = x.width;
  const bias = node.bias.slice();
  const kept: number[] = [];
  let at = 0;
  for (const part of x.parts) {
    for (let i = 0; i < part.width; i++, at++) {
      if (part.kind !== 'constant') kept.push(at);
      else for (let r = 0; r < node.width; r++) bias[r] += node.weight[r * cols + at] * part.data[i];
    }
  }
  const weight = new Float64Array(node.width * kept.length);
  for (let r = 0; r < node.width; r++) {
    kept.forEach((c, k) => {
      weight[r * kept.length + k] = node.weight[r * cols + c];
    });
  }
  const parts = x.parts.filter((part) => part.kind !== 'constant');
  return { ...node, x: { ...x, parts, width: kept.length }, weight, bias };
}
