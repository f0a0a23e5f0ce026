import type { GraphBuilder } from '../../builder.js';

/**
 * PyTorch writes atan2(y, x) as atan(y / x), moved by pi where x < 0, with the sign of y: not a number where x is 0. Over
 * a box that x = 0 passes through, that has no value; the angle itself has one everywhere but at the origin.
 */

interface Angle {
  y: string;
  x: string;
}

/** The angle that "where(x < 0, where(y > 0, a + pi, a - pi), a), a = atan(y / x)" stands for, if it is that. */
export function matchAtan2(builder: GraphBuilder, condition: string, yes: string, no: string): Angle | undefined {
  const [arc, choice, side] = [no, yes, condition].map((name) => builder.nodeOf(name));
  if (arc?.op !== 'atan' || choice?.op !== 'select' || side?.op !== 'scale') return undefined;
  const slope = builder.nodeOf(arc.inputs[0]);
  if (slope?.op !== 'div') return undefined;
  const [y, x] = slope.inputs;
  const isLeft = side.inputs[0] === x && side.scale?.length === 1 && side.scale[0] === -1 && side.shift === undefined;
  const [test, above, below] = choice.inputs;
  const moved = (name: string) => {
    const node = builder.nodeOf(name);
    return node?.op === 'scale' && node.inputs[0] === no && !node.scale ? (node.shift?.[0] ?? 0) : 0;
  };
  const isPi = (value: number) => Math.abs(value - Math.PI) < 1e-6;
  return isLeft && test === y && isPi(moved(above)) && isPi(-moved(below)) ? { y, x } : undefined;
}

/**
 * atan2(y, x) by the angle to the nearer axis, atan(min / max) of the magnitudes, which stays within pi/4 and needs the
 * two not to be 0 at once. On the negative half of the x axis it is pi.
 */
export function buildAtan2(b: GraphBuilder, { y, x }: Angle, hint: string): string {
  const [width, high] = [b.unary('abs', x), b.unary('abs', y)];
  const ratio = b.binary('div', b.binary('min', width, high), b.binary('max', width, high));
  const acute = b.unary('atan', ratio);
  const first = b.select(b.binary('sub', high, width), b.scale(acute, [-1], [Math.PI / 2]), acute);
  const upper = b.select(b.unary('neg', x), b.scale(first, [-1], [Math.PI]), first);
  return b.select(b.unary('neg', y), b.unary('neg', upper), upper, hint);
}
