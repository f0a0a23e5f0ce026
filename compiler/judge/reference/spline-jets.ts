import { evaluateSpline, type Spline, segmentsPerUnit } from '../../model/spline.js';
import type { Jet, JetSpace } from './jets.js';
import { monomials } from './monomials.js';

/**
 * A spline of jets: its Taylor polynomial about each point, in the displacements of its arguments.
 *
 * @param x what it reads, one component per axis: planes row-major [points x axes]
 * @returns planes row-major [points x outputs]
 */
export function splineJet(space: JetSpace, spline: Spline, x: Jet, width: number): Jet {
  const { axes } = spline;
  const d = axes.length;
  const count = x.planes[0].length / d;
  const displacements = axes.map((_, k): Jet => {
    const planes = x.planes.map((plane, m) =>
      Float64Array.from({ length: count }, (_, p) => (m ? plane[p * d + k] : 0)),
    );
    return { planes, order: x.order };
  });
  const out = space.zero(count * width, x.order);
  const powers = new Map<string, Jet>([[axes.map(() => 0).join(), space.constant(1, count)]]);
  const values = new Float64Array(count * width);
  for (const orders of monomials(d, x.order).exponents) {
    const raised = orders.findIndex((order) => order > 0);
    if (raised >= 0) {
      const lower = powers.get(orders.map((order, k) => (k === raised ? order - 1 : order)).join())!;
      powers.set(orders.join(), space.multiply(lower, displacements[raised]));
    }
    const power = powers.get(orders.join())!;
    evaluateSpline({ ...spline, orders }, x.planes[0], values, count);
    const scale = orders.reduce((s, order, k) => (s * segmentsPerUnit(axes[k]) ** order) / factorial(order), 1);
    out.planes.forEach((plane, m) => {
      for (let i = 0; i < plane.length; i++) plane[i] += scale * values[i] * power.planes[m][Math.floor(i / width)];
    });
  }
  return out;
}

function factorial(n: number): number {
  return n > 1 ? n * factorial(n - 1) : 1;
}
