import { describe, expect, it } from 'vitest';
import { planArena } from '../../compiler/table/lower/arena.js';
import { randoms } from '../helpers/models.js';

describe('the arena plan', () => {
  it('never lets two live buffers overlap, keeps to 4-byte places and leaves the reserved bytes alone', () => {
    const next = randoms(5);
    const int = (n: number) => Math.floor(((next() + 1) / 2) * n);
    for (let trial = 0; trial < 300; trial++) {
      const buffers = Array.from({ length: 1 + int(30) }, () => {
        const first = int(40);
        return { bytes: 4 * (1 + int(60)), first, last: first + int(8) };
      });
      const reserved = 4 * int(10);
      const { offsets, bytes } = planArena(buffers, reserved);
      buffers.forEach((p, i) => {
        expect(offsets[i] % 4).toBe(0);
        expect(offsets[i]).toBeGreaterThanOrEqual(reserved);
        expect(offsets[i] + p.bytes).toBeLessThanOrEqual(bytes);
        buffers.forEach((q, j) => {
          const together = i !== j && p.first <= q.last && q.first <= p.last;
          if (together) expect(offsets[i] + p.bytes <= offsets[j] || offsets[j] + q.bytes <= offsets[i]).toBe(true);
        });
      });
    }
  });

  it('reuses the bytes of dead buffers: a chain needs two of them', () => {
    const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 128, first: i, last: i + 1 }));
    expect(planArena(chain, 8).bytes).toBe(8 + 256);
  });
});
