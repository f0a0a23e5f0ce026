// The wasm3 interpreter for Node: runs a compiled model on the host exactly as a device would, and measures what it
// needs there (heap, linear memory, native stack). The work is done by a C addon, built on first use.

import { type Addon, type FoundFunction, type Handle, loadAddon, type Wasm3Usage } from './addon.js';

export type { Wasm3Usage } from './addon.js';

export interface Wasm3Options {
  /** Bytes of wasm3's own value stack, as given to m3_NewRuntime: 64 to 16 MiB. Counts as heap. Default 64 KiB. */
  stackBytes?: number;
  /**
   * Bytes of linear memory really allocated (wasm3's runtime->memoryLimit), 1 to 2^32 - 1. Accesses beyond them trap.
   * The module itself still sees whole pages. Default: every page the module asks for.
   */
  memoryLimitBytes?: number;
  /** Bytes that linear memory and the interpreter's heap may take together, up to 1 GiB. Default 64 MiB. */
  heapLimitBytes?: number;
  /**
   * False runs wasm3 compiled without tail calls: every operation nests a native call, as on Xtensa and ARMv6-M.
   * Results are the same, the native stack is not. Default true.
   */
  tailCalls?: boolean;
  /**
   * True compiles each function when it is first called, as wasm3 does by itself: less heap when functions go unused,
   * but allocation and deep native stack during a run. Default false: everything is compiled on loading.
   */
  lazy?: boolean;
  /**
   * True treats the module as a device treats a model, with `memoryLimitBytes` as its memory: one that pe_validate.h
   * refuses is not loaded, and a call ends with an error after PE_MAX_STEPS rounds of loops (pinn_edge.h). Default
   * false: any module, with 2^32 - 1 rounds per call.
   */
  isModel?: boolean;
}

/** What the functions of one batch returned. */
export interface Wasm3Batch {
  /** outputCount words per point, point after point. */
  outputs: Int32Array;
  /** The function's return value per point. */
  statuses: Int32Array;
}

const DEFAULT_STACK_BYTES = 64 * 1024;
const DEFAULT_HEAP_LIMIT_BYTES = 64 * 1024 * 1024;
/** `code` of the Error of a call that overflowed wasm3's stack of values or the native one. */
export const STACK_OVERFLOW = 'WASM3_STACK_OVERFLOW';
const MAX_UINT32 = 2 ** 32 - 1;

/** What is used here of the JavaScript engine's own WebAssembly; the project's type libraries leave it out. */
declare const WebAssembly: {
  Module: {
    new (bytes: Uint8Array): object;
    exports(module: object): { name: string; kind: string }[];
  };
};

/**
 * Runs a block table with the C kernels of the firmware library, point after point: outputCount words and a status each.
 * Throws an Error for a table that the C checks refuse, and for counts that are not the table's.
 */
export function runTable(table: Uint8Array, inputs: Int32Array, inputCount: number, outputCount: number): Wasm3Batch {
  const points = inputs.length / inputCount;
  const outputs = new Int32Array(points * outputCount);
  const statuses = new Int32Array(points);
  const check = loadAddon(true).runTable(table, inputs, outputs, statuses);
  if (check !== 0) throw new Error(`kernels: the block table is refused by check ${check}`);
  return { outputs, statuses };
}

/**
 * Runs a fit or filter of the firmware library (targets/common/pe_fit_job.h) in which `answer` is the model: it takes the
 * inputs and gives the outputs. What it throws comes out of this.
 *
 * @param model as targets/host/fit_node.h says
 * @returns the answer's doubles
 */
export function runFit(
  model: Float64Array,
  job: Float64Array,
  answer: (inputs: Float64Array) => ArrayLike<number>,
): Float64Array {
  const [inputCount, outputCount, , parameterCount] = model;
  const inputs = new Float64Array(inputCount);
  const outputs = new Float64Array(outputCount);
  const result = new Float64Array(64 + parameterCount * parameterCount);
  const evaluate = () => outputs.set(answer(inputs));
  const count = loadAddon(true).runFit(model, job, inputs, outputs, evaluate, result);
  return result.subarray(0, count);
}

/** A module loaded into an interpreter of its own. Not for use from several threads. */
export class Wasm3Module {
  /** Version of the embedded wasm3. */
  readonly version: string;
  readonly #addon: Addon;
  readonly #handle: Handle;
  readonly #exports: ReadonlySet<string>;
  readonly #functions = new Map<string, FoundFunction>();
  #disposed = false;

  private constructor(addon: Addon, handle: Handle, exports: ReadonlySet<string>) {
    this.version = addon.version;
    this.#addon = addon;
    this.#handle = handle;
    this.#exports = exports;
  }

  /**
   * Parses, links and (unless `lazy`) compiles a module and runs its start function. The bytes are copied.
   * Throws an Error for bytes that are no valid module, for what wasm3 as configured for the devices refuses (floats,
   * imports, several results, anything it does not know), when memory is short, and when the addon cannot be built.
   */
  static load(wasm: Uint8Array, options: Wasm3Options = {}): Wasm3Module {
    const stackBytes = checkInteger('stackBytes', options.stackBytes ?? DEFAULT_STACK_BYTES, 64, 2 ** 24);
    const memoryLimit =
      options.memoryLimitBytes === undefined
        ? 0
        : checkInteger('memoryLimitBytes', options.memoryLimitBytes, 1, MAX_UINT32);
    const heapLimit = checkInteger('heapLimitBytes', options.heapLimitBytes ?? DEFAULT_HEAP_LIMIT_BYTES, 1, 2 ** 30);
    const exports = exportedFunctions(wasm);
    const addon = loadAddon(options.tailCalls ?? true);
    const isModel = options.isModel ?? false;
    const handle = addon.load(wasm, stackBytes, memoryLimit, heapLimit, !(options.lazy ?? false), isModel);
    return new Wasm3Module(addon, handle, exports);
  }

  /**
   * Calls an exported function: i32 arguments as integers from -2^31 to 2^32 - 1, i64 arguments as bigints of 64 bits.
   * Returns an i32 as a signed number, an i64 as a signed bigint, undefined for a function without result.
   * Throws an Error for an unknown function, arguments that do not fit it, and traps; the module stays usable. Each call
   * starts a thread for its native stack, which takes a tenth of a millisecond or more: many calls are runBatch's work.
   */
  call(name: string, ...args: (number | bigint)[]): number | bigint | undefined {
    const { id, parameters, results } = this.#find(name);
    if (args.length !== parameters.length) {
      throw new Error(`wasm3: ${name} takes ${parameters.length} arguments, not ${args.length}`);
    }
    const slots = new BigInt64Array(Math.max(1, args.length));
    for (const [index, value] of args.entries()) {
      slots[index] = toSlot(value, parameters[index]!, `argument ${index + 1} of ${name}`);
    }
    this.#addon.call(this.#handle, id, slots);
    if (results === '') return undefined;
    return results === 'I' ? slots[0]! : Number(BigInt.asIntN(32, slots[0]!));
  }

  /**
   * Runs a function without arguments that returns an i32 once per point, within one native call. Point p writes the
   * words inputs[p * inputCount ..] to linear memory at inputAddress before its call, and outputCount words at
   * outputAddress are copied out after it. Counts are at least 1; inputs.length must be a multiple of inputCount.
   * Throws an Error that names the point when one traps, and for addresses outside linear memory. An endless loop
   * ends with an error as well.
   */
  runBatch(
    name: string,
    inputAddress: number,
    inputs: Int32Array,
    inputCount: number,
    outputAddress: number,
    outputCount: number,
  ): Wasm3Batch {
    const { id } = this.#find(name);
    checkInteger('inputAddress', inputAddress, 0, MAX_UINT32);
    checkInteger('outputAddress', outputAddress, 0, MAX_UINT32);
    checkInteger('inputCount', inputCount, 1, 2 ** 24);
    checkInteger('outputCount', outputCount, 1, 2 ** 24);
    const points = inputs.length / inputCount;
    if (!Number.isInteger(points)) {
      throw new Error(`wasm3: ${inputs.length} inputs are no multiple of ${inputCount} inputs per point`);
    }
    const outputs = new Int32Array(points * outputCount);
    const statuses = new Int32Array(points);
    this.#addon.runBatch(this.#handle, id, inputAddress, inputs, outputAddress, outputs, statuses);
    return { outputs, statuses };
  }

  /** Copies `length` bytes of linear memory. Throws an Error when they are not all inside it. */
  read(address: number, length: number): Uint8Array {
    this.#checkUsable();
    checkInteger('address', address, 0, MAX_UINT32);
    const bytes = new Uint8Array(checkInteger('length', length, 0, 2 ** 30));
    this.#addon.read(this.#handle, address, bytes);
    return bytes;
  }

  /** Copies bytes into linear memory. Throws an Error, and writes nothing, when they do not all fit. */
  write(address: number, bytes: Uint8Array): void {
    this.#checkUsable();
    this.#addon.write(this.#handle, checkInteger('address', address, 0, MAX_UINT32), bytes);
  }

  usage(): Wasm3Usage {
    this.#checkUsable();
    const figures = this.#addon.usage(this.#handle);
    return {
      ...figures,
      nativeStackBytes: Math.max(figures.nativeStackLoadBytes, figures.nativeStackRunBytes),
    };
  }

  /**
   * Frees everything now instead of at some later garbage collection; again does nothing. Returns the bytes that wasm3
   * itself did not free (they are freed nonetheless): 0 unless wasm3 leaks.
   */
  dispose(): number {
    if (this.#disposed) return 0;
    this.#disposed = true;
    return this.#addon.dispose(this.#handle);
  }

  #checkUsable(): void {
    if (this.#disposed) throw new Error('wasm3: the module was used after dispose()');
  }

  #find(name: string): FoundFunction {
    this.#checkUsable();
    const known = this.#functions.get(name);
    if (known !== undefined) return known;
    // wasm3 would also find functions by the names in the module's debug section.
    if (!this.#exports.has(name)) {
      const names = [...this.#exports].join(', ') || 'none';
      throw new Error(`wasm3: the module exports no function ${name} (it exports: ${names})`);
    }
    const found = this.#addon.find(this.#handle, name);
    this.#functions.set(name, found);
    return found;
  }
}

function checkInteger(what: string, value: number, minimum: number, maximum: number): number {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new Error(`wasm3: ${what} must be a whole number from ${minimum} to ${maximum}, not ${value}`);
}

function toSlot(value: number | bigint, type: string, what: string): bigint {
  if (type === 'i') {
    if (typeof value !== 'number') throw new Error(`wasm3: ${what} must be a number (i32), not a ${typeof value}`);
    return BigInt(checkInteger(what, value, -(2 ** 31), MAX_UINT32));
  }
  if (typeof value !== 'bigint') throw new Error(`wasm3: ${what} must be a bigint (i64), not a ${typeof value}`);
  if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new Error(`wasm3: ${what} does not fit 64 bits`);
  return BigInt.asIntN(64, value);
}

/**
 * The names of the functions that a module exports. wasm3 0.5.0 does not validate, and invalid code can crash it; so
 * the JavaScript engine, which does, reads every module first.
 */
function exportedFunctions(wasm: Uint8Array): ReadonlySet<string> {
  if (!(wasm instanceof Uint8Array)) throw new Error('wasm3: the module must be given as a Uint8Array');
  let module: object;
  try {
    module = new WebAssembly.Module(wasm);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^WebAssembly\.Module\(\): /, '') : String(error);
    throw new Error(`wasm3: these bytes are no valid WebAssembly module: ${reason}`);
  }
  const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function');
  return new Set(functions.map(({ name }) => name));
}
