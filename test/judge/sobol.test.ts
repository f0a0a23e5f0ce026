import { describe, expect, it } from 'vitest';
import { cornerPoints, edgePoints, interiorPoints } from '../../compiler/judge/points/cover.js';
import { sobolPoints } from '../../compiler/judge/points/sobol.js';
import { inputBox } from '../../compiler/model/box.js';

describe('Sobol points', () => {
  it('start as in the published sequence', () => {
    // Bratley and Fox (1988) and the reference implementation of Joe and Kuo, first points in three dimensions.
    expect([...sobolPoints(5, 3, 0)]).toEqual([
      0, 0, 0, 0.5, 0.5, 0.5, 0.75, 0.25, 0.25, 0.25, 0.75, 0.75, 0.375, 0.375, 0.625,
    ]);
  });

  it.each([1, 2, 5, 10, 40, 101])('stratify every one of %i dimensions', (d) => {
    const n = 256;
    const points = sobolPoints(n, d, 0);
    for (let k = 0; k < d; k++) {
      const cells = new Set(Array.from({ length: n }, (_, p) => Math.floor(points[p * d + k] * n)));
      expect(cells.size).toBe(n);
    }
  });

  it('fill the unit square evenly: every dyadic box of area 1/64 holds its share', () => {
    const n = 1024;
    const points = sobolPoints(n, 2, 0);
    for (let bits = 0; bits <= 6; bits++) {
      const counts = new Map<string, number>();
      for (let p = 0; p < n; p++) {
        const key = `${Math.floor(points[2 * p] * 2 ** bits)},${Math.floor(points[2 * p + 1] * 2 ** (6 - bits))}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      expect([...counts.values()].every((c) => c === n / 64)).toBe(true);
    }
  });

  it('continue where they were left', () => {
    const all = sobolPoints(64, 3, 1);
    expect([...sobolPoints(32, 3, 33)]).toEqual([...all.subarray(96)]);
  });
});

describe('points of the box', () => {
  const box = inputBox([
    { min: -1, max: 3 },
    { min: 10, max: 20 },
  ]);

  it('hold all corners exactly', () => {
    expect(new Set(pairsOf(cornerPoints(box)))).toEqual(new Set(['-1,10', '3,10', '-1,20', '3,20']));
  });

  it('lie on faces, and inside', () => {
    const edges = pairsOf(edgePoints(box, 64)).map((pair) => pair.split(',').map(Number));
    expect(edges.every(([x, y]) => x === -1 || x === 3 || y === 10 || y === 20)).toBe(true);
    for (const face of [
      (e: number[]) => e[0] === -1,
      (e: number[]) => e[0] === 3,
      (e: number[]) => e[1] === 10,
      (e: number[]) => e[1] === 20,
    ]) {
      expect(edges.filter(face).length).toBeGreaterThan(8);
    }
    expect(pairsOf(interiorPoints(box, 100)).every((pair) => Number(pair.split(',')[0]) < 3)).toBe(true);
  });
});

function pairsOf(points: Float64Array): string[] {
  return Array.from({ length: points.length / 2 }, (_, p) => `${points[2 * p]},${points[2 * p + 1]}`);
}
