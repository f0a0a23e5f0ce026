import { nativeStackBound, type StackTarget } from '../../compiler/code/cost/native-stack.js';
import { tinyModule } from './tiny-module.js';

/** Modules that take as much native stack as they can, of any size `n`; all of them valid, and over soon. */

const I32 = 0x7f;
const I64 = 0x7e;
const END = 0x0b;
/** memory[local 0 + 64] = local 1, an operation with one of the largest frames. */
const STORE = [0x20, 0, 0x20, 1, 0x37, 3, 0x40];
const LOCALS = [2, 1, I32, 1, I64];
const RETURN_0 = [0x41, 0];

const times = (count: number, ...code: number[]): number[] => Array.from({ length: count }, () => code).flat();

/** n operations one after the other. */
function straight(n: number): Uint8Array {
  return tinyModule({ run: [...LOCALS, ...times(n, ...STORE), ...RETURN_0, END] });
}

/** 80 functions that call each other in a row, with n operations in all before the calls. */
function callsInARow(n: number): Uint8Array {
  const functions = 80;
  const body = (i: number) => {
    const own = Math.floor(n / functions) + (i < n % functions ? 1 : 0);
    const rest = i + 1 < functions ? [0x10, 6 + i] : RETURN_0;
    return [...LOCALS, ...times(own, ...STORE), ...rest, END];
  };
  const bodies = Array.from({ length: functions }, (_, i) => body(i));
  return tinyModule({ run: bodies[0], more: bodies.slice(1) });
}

/** n blocks in one another. */
function nestedBlocks(n: number): Uint8Array {
  const depth = Math.min(n, 95);
  return tinyModule({ run: [0, ...times(depth, 0x02, 0x40), ...times(depth, END), ...RETURN_0, END] });
}

/** n ifs in one another, each in the else of the one before it, whose code lies on a page of its own. */
function nestedElses(n: number): Uint8Array {
  const depth = Math.min(n, 95);
  const open = times(depth, 0x20, 0, 0x04, 0x40, ...STORE, 0x05, ...STORE);
  return tinyModule({ run: [...LOCALS, ...open, ...times(depth, END), ...RETURN_0, END] });
}

/** n loops in one another, over functions that call each other: what nests where there are tail calls. */
function nestedLoops(n: number): Uint8Array {
  const perFunction = 60;
  const functions = Math.ceil(n / perFunction);
  const bodies = Array.from({ length: functions }, (_, i) => {
    const depth = i + 1 < functions ? perFunction : n - perFunction * (functions - 1);
    const rest = i + 1 < functions ? [0x10, 6 + i, 0x1a] : [];
    return [0, ...times(depth, 0x03, 0x40), ...rest, ...times(depth, END), ...RETURN_0, END];
  });
  return tinyModule({ run: bodies[0], more: bodies.slice(1) });
}

/** Blocks where many operands are locals, each of which is copied. */
function copiedLocals(n: number): Uint8Array {
  const locals = Array.from({ length: 60 }, (_, i) => [0x20, i]).flat();
  const block = [...locals, 0x02, 0x40, END, ...times(60, 0x1a)];
  return tinyModule({ run: [1, 60, I32, ...times(n, ...block), ...RETURN_0, END] });
}

export const HOSTILE = { straight, callsInARow, nestedBlocks, nestedElses, nestedLoops, copiedLocals };

/** The largest of a kind that a target with `limit` bytes of stack takes, and the next one. */
export function atLimit(kind: keyof typeof HOSTILE, target: StackTarget, limit: number): [Uint8Array, Uint8Array] {
  const make = HOSTILE[kind];
  let n = 1;
  const fits = (size: number) => nativeStackBound(make(size), target).bytes <= limit;
  for (let step = 1024; step >= 1; step /= 2) if (fits(n + step)) n += step;
  return [make(n), make(n + 1)];
}
