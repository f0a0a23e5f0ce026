import type { State } from './chosen.js';

/** A quantity over two inputs, in parts between which the page answers: coarse at first, then fine. */

export interface Grid {
  size: number;
  axes: [x: number, y: number];
  /** Row-major, y rising; cell centres are at (i + 1/2) / size of the range, so that contours fit. */
  values: Float64Array;
}

const COARSE = 32;
export const FINE = 128;
/** Longer than this nothing is computed in one piece. */
const PART_MS = 12;

/** Calls `show` with each finished grid; a later call ends an earlier one. */
export class GridSearch {
  private turn = 0;

  constructor(private readonly state: State) {}

  async draw(show: (grid: Grid) => void): Promise<void> {
    const turn = ++this.turn;
    for (const size of [COARSE, FINE]) {
      const grid = await this.compute(size, turn);
      if (!grid) return;
      show(grid);
    }
  }

  private async compute(size: number, turn: number): Promise<Grid | undefined> {
    const { state } = this;
    const { axes, quantity } = state;
    const points = gridPoints(state, axes, size);
    const values = new Float64Array(size * size);
    const width = state.inputs.length;
    let begun = performance.now();
    for (let row = 0; row < size; row++) {
      const part = points.subarray(row * size * width, (row + 1) * size * width);
      values.set(quantity.map.values(part), row * size);
      if (performance.now() - begun < PART_MS) continue;
      await nextTask();
      if (turn !== this.turn) return undefined;
      begun = performance.now();
    }
    return turn === this.turn ? { size, axes: [...axes], values } : undefined;
  }
}

/** Cell centres, row by row, row-major [size^2 x inputs]. */
export function gridPoints(state: State, [x, y]: readonly [number, number], size: number): Float64Array {
  const held = state.held();
  const at = (input: number, i: number) => {
    const { min, max } = state.inputs[input];
    return min + ((i + 0.5) / size) * (max - min);
  };
  const points = new Float64Array(size * size * held.length);
  for (let cell = 0; cell < size * size; cell++) {
    points.set(held, cell * held.length);
    points[cell * held.length + y] = at(y, Math.floor(cell / size));
    points[cell * held.length + x] = at(x, cell % size);
  }
  return points;
}

/** Sooner than a timer, and after what the user did. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
