import type { Quantity } from './quantities.js';
import type { Runtime } from './runtime.js';

/** What the user has chosen, and who redraws when it changes. */

export type Change = 'point' | 'quantity' | 'axes';

export class State {
  /** Engineering units, in the order of the inputs; may lie outside the box. */
  readonly point: number[];
  /** Inputs along the axes of the heat map, and along that of the curves. */
  axes: [x: number, y: number];
  along: number;
  quantity: Quantity;
  private readonly listeners: ((change: Change, input?: number) => void)[] = [];

  constructor(
    readonly runtimes: readonly Runtime[],
    readonly quantities: readonly Quantity[],
  ) {
    this.point = this.inputs.map(({ min, max }) => min + (max - min) / 2);
    this.axes = [0, Math.min(1, this.point.length - 1)];
    this.along = 0;
    this.quantity = quantities[0];
  }

  get inputs() {
    return this.runtimes[0].build.report.inputs;
  }

  onChange(listener: (change: Change, input?: number) => void): void {
    this.listeners.push(listener);
  }

  /** @param input index of the only input that moved, if it is one */
  changed(change: Change, input?: number): void {
    for (const listener of this.listeners) listener(change, input);
  }

  moveTo(point: readonly number[]): void {
    point.forEach((value, i) => {
      this.point[i] = value;
    });
    this.changed('point');
  }

  /** The point with some inputs elsewhere; those that stay are held to the box, as the module holds them. */
  at(moved: ReadonlyMap<number, number>): number[] {
    return this.held().map((value, i) => moved.get(i) ?? value);
  }

  held(): number[] {
    return this.point.map((value, i) => Math.min(this.inputs[i].max, Math.max(this.inputs[i].min, value)));
  }
}
