import { describe, expect, it } from 'vitest';
import { inParts } from '../../compiler/commands/board.js';
import type { BoardEngine } from '../../compiler/run/boards/board-engine.js';

/** Long runs on emulated boards: the same answers in parts, and a word every ten seconds. */
describe('points on an emulated board', () => {
  it('are evaluated in parts of a few seconds, with progress', () => {
    let now = 0;
    const sizes: number[] = [];
    const notes: string[] = [];
    const board: BoardEngine = {
      name: 'board',
      // 10 ms a point.
      run(inputs) {
        const points = inputs.length / 2;
        sizes.push(points);
        now += points / 100;
        const sums = Int32Array.from({ length: points }, (_, p) => inputs[2 * p] + inputs[2 * p + 1]);
        return { outputs: sums, statuses: sums.map((sum) => sum % 2) };
      },
      figures: () => {
        throw new Error('not asked for');
      },
    };
    const engine = inParts(
      board,
      2,
      (text) => notes.push(text),
      () => now,
    );
    const inputs = Int32Array.from({ length: 2 * 5000 }, (_, i) => 3 * i);
    const { outputs, statuses } = engine.run(inputs);
    expect([...outputs]).toEqual(Array.from({ length: 5000 }, (_, p) => 12 * p + 3));
    expect(Array.from(statuses)).toEqual(Array.from({ length: 5000 }, () => 1));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(5000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(501);
    expect(notes.length).toBeGreaterThanOrEqual(3);
    expect(notes[0]).toMatch(/^ {2}board {2}\d+ s, [\d,]+ points, [\d,]+ to go/);
    expect(engine.run(new Int32Array()).outputs).toHaveLength(0);
  });
});
