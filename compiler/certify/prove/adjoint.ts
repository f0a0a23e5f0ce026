import type { Op } from '../read/program.js';
import { multiply } from './algebra.js';
import { axisOf } from './axis.js';
import { SOURCES, type Source, type State, UP } from './element-bounds.js';
import { UNIT } from './scalar.js';

/** What an output may be off its polynomial; and estimates of what remains of that over smaller and smaller boxes. */
export interface Contributions {
  total: number;
  /** With slopes at the middle of the box. */
  least: number;
  /** With slopes over all of it. */
  settled: number;
}

/** Adjoints of an enclosed program: d output / d element, as polynomials of the place in the box, up to a radius. */
export class Adjoint {
  private readonly adjoint: Float64Array;
  private readonly adjointRadius: Float64Array;

  constructor(private readonly state: State) {
    const { program, slopeSize } = state;
    this.adjoint = new Float64Array(program.size * slopeSize);
    this.adjointRadius = new Float64Array(program.size);
  }

  /** For one output: the sum over all elements of the largest |d output / d element| times its defects, by source. */
  contributions(output: number, to: Record<Source, number>, axes?: Float64Array): Contributions {
    const { adjoint, adjointRadius } = this;
    const { slopeSize: S, defects, lasting } = this.state;
    const sources = SOURCES.map((source) => defects[source]);
    const shares = new Float64Array(SOURCES.length);
    adjoint.fill(0);
    adjointRadius.fill(0);
    adjoint[output * S] = 1;
    let least = 0;
    let settled = 0;
    const { ops } = this.state.program;
    for (let n = ops.length - 1; n >= 0; n--) {
      const op = ops[n];
      const last = op.out + op.count;
      for (let id = op.out; id < last; id++) {
        let gain = adjointRadius[id];
        for (let c = 0; c < S; c++) gain += Math.abs(adjoint[id * S + c]);
        if (gain === 0) continue;
        for (let s = 0; s < shares.length; s++) shares[s] += gain * sources[s][id] * UP;
        least += Math.abs(adjoint[id * S]) * lasting[id];
        settled += gain * lasting[id];
        if (axes) this.blame(op, id, gain, axes);
      }
      this.backward(op);
    }
    let total = 0;
    SOURCES.forEach((source, s) => {
      to[source] += shares[s];
      total += shares[s];
    });
    return { total: total * UP, least, settled };
  }

  /** Adds what smaller boxes would take off an element to the axis along which its argument varies. */
  private blame(op: Op, id: number, gain: number, axes: Float64Array): void {
    const { defects, lasting } = this.state;
    let share = 0;
    switch (op.kind) {
      case 'function':
      case 'piecewise':
      case 'jump':
      case 'store':
        share = defects.method[id] + defects.choice[id] + defects.saturation[id];
        break;
      case 'table':
        share = defects.tables[id] + op.table.rounding - lasting[id];
        break;
      default:
        return;
    }
    if (share > 0) axes[axisOf(this.state, op.x[id - op.out])] += gain * share;
  }

  private backward(op: Op): void {
    const { adjoint, adjointRadius } = this;
    const { slopeSize: S, off, p, al, spread, slope, slopeRadius, isHeld } = this.state;
    switch (op.kind) {
      case 'input':
        return;
      case 'affine': {
        const cols = op.x.length;
        for (let r = 0; r < op.rows; r++) {
          const at = (op.out + r) * S;
          let mass = 0;
          for (let c = 0; c < S; c++) mass += Math.abs(adjoint[at + c]);
          const radius = adjointRadius[op.out + r];
          if (mass + radius === 0) continue;
          const rounded = radius + (op.rows + 8) * 2 * UNIT * mass;
          for (let j = 0; j < cols; j++) {
            const w = op.weights[r * cols + j];
            if (w === 0) continue;
            const to = op.x[j] * S;
            for (let c = 0; c < S; c++) adjoint[to + c] += w * adjoint[at + c];
            adjointRadius[op.x[j]] += Math.abs(w) * rounded * UP;
          }
        }
        return;
      }
      case 'linear':
        op.a.forEach((a, i) => {
          this.carry(op.out + i, a, op.wa[i]);
          if (op.b) this.carry(op.out + i, op.b[i], op.wb[i]);
        });
        return;
      case 'multiply':
        op.a.forEach((a, i) => {
          const b = op.b[i];
          for (const [one, other] of [
            [a, b],
            [b, a],
          ]) {
            const from = other * al.size;
            const beyond = al.size === S ? 0 : spread[other] - sumOf(p, from + 1, from + S);
            for (let c = 0; c < S; c++) this.factor[c] = p[from + c];
            const radius = (Math.max(0, beyond) + off[other] + 2 ** -45 * spread[other]) * UP;
            this.chain(op.out + i, one, this.factor, 0, radius);
          }
        });
        return;
      case 'function':
      case 'piecewise':
        op.x.forEach((x, i) => {
          this.chain(op.out + i, x, slope, (op.out + i) * S, slopeRadius[op.out + i]);
        });
        return;
      case 'jump':
        // Constant between jumps, and all that it may be off around one.
        return;
      case 'store':
        op.x.forEach((x, i) => {
          const out = op.out + i;
          if (isHeld[out]) this.chain(out, x, slope, out * S, slopeRadius[out]);
          else this.carry(out, x, 1);
        });
        return;
      case 'table':
        op.f.forEach((f, i) => {
          this.carry(op.out + i, f, 1);
        });
        return;
    }
  }

  private readonly factor = new Float64Array(256);
  private readonly chained = new Float64Array(256);

  /** adjoint[to] += weight adjoint[from]. */
  private carry(from: number, to: number, weight: number): void {
    const { adjoint, adjointRadius } = this;
    const S = this.state.slopeSize;
    let mass = 0;
    for (let c = 0; c < S; c++) {
      const g = weight * adjoint[from * S + c];
      mass += Math.abs(g);
      adjoint[to * S + c] += g;
    }
    adjointRadius[to] += (Math.abs(weight) * adjointRadius[from] + 16 * UNIT * mass) * UP;
  }

  /** adjoint[to] += slope adjoint[from], for a slope that is a polynomial up to a radius. */
  private chain(from: number, to: number, slope: Float64Array, at: number, radius: number): void {
    const { adjoint, adjointRadius, chained } = this;
    const { slopeSize: S, al, orders } = this.state;
    const m = orders.slope;
    let gain = 0;
    let mass = 0;
    for (let c = 0; c < S; c++) {
      gain += Math.abs(adjoint[from * S + c]);
      mass += Math.abs(slope[at + c]);
    }
    const own = adjointRadius[from];
    if (gain + own === 0 || mass + radius === 0) return;
    const left = multiply(al, adjoint, from * S, m, slope, at, m, chained, 0, m);
    for (let c = 0; c < S; c++) adjoint[to * S + c] += chained[c];
    const rounded = (S + 16) * UNIT * gain * mass;
    adjointRadius[to] += (left + gain * radius + own * (mass + radius) + rounded) * UP;
  }
}

function sumOf(p: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += Math.abs(p[i]);
  return sum;
}
