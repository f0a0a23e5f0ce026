import { PinnEdgeError } from '../../diagnostics.js';
import { type ModuleParts, requireAtMost } from './check-read.js';
import { readSections } from './check-sections.js';
import { MODULE } from './limits.js';
import { Refusal } from './reader.js';
import { FRAME_CLASSES, type Frames, type Translated, translate } from './translate.js';

/**
 * Which modules a device takes: the check of targets/common/pe_validate.c, made when a module is built. What the two
 * accept is the same (test/fuzz/validate.test.ts), but for the native stack, which the target decides
 * (compiler/code/cost/native-stack.ts); types of operands are left to the WebAssembly engine here. The limits are those of
 * limits.ts.
 */

/** V8's, which Node's type library leaves out. */
declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

/** For the operations alone. */
const NO_FRAMES = Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, 0])) as Record<keyof Frames, number>;
const NOTHING_NESTS = { frames: NO_FRAMES, operationsPerPage: 1, importChain: 0 };

/** Throws PE8401 with the reason why a device would refuse the module with `memoryBytes` of linear memory. */
export function requireDeviceModule(wasm: Uint8Array, memoryBytes: number): void {
  const reason = deviceRefusal(wasm, memoryBytes);
  if (reason) throw new PinnEdgeError('PE8401', { reason }, 3);
}

/** Why a device would refuse the module; undefined when it would take it. */
export function deviceRefusal(wasm: Uint8Array, memoryBytes: number): string | undefined {
  try {
    if (!WebAssembly.validate(wasm)) return 'it is not valid WebAssembly';
    const parts: ModuleParts = {
      types: [],
      hasTable: false,
      imports: 0,
      functions: [],
      globals: 0,
      constants: new Set(),
      calls: 0,
    };
    readSections(wasm, memoryBytes, parts);
    checkWork(translate(wasm, NOTHING_NESTS).functions);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

/** No function calls itself, and with what it calls none is too long. */
function checkWork(functions: readonly Translated[]): void {
  const known: (number | 'open')[] = [];
  const measure = (index: number): number => {
    const before = known[index];
    if (before === 'open') throw new Refusal('a function calls itself');
    if (before !== undefined) return before;
    known[index] = 'open';
    const { operations, calls } = functions[index];
    const work = calls.reduce((sum, { callee }) => sum + measure(callee), operations);
    requireAtMost(work, MODULE.MAX_WORK, 'operations in a function with all that it calls');
    known[index] = work;
    return work;
  };
  for (const index of functions.keys()) measure(index);
}
