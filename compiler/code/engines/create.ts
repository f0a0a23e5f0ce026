import { runTable, STACK_OVERFLOW, Wasm3Module, type Wasm3Usage } from '../../../targets/host/wasm3.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { checkName, requireValidTable } from '../../table/check.js';
import { createOracle } from '../../table/oracle/oracle.js';
import { KIND, STATUS } from '../../table/specification.js';
import { WALK_IMPORT } from '../native-entry.js';
import type { Engine, EngineName } from './engine.js';

/** What an engine runs: the module that a build wrote, and its block table (for the oracle). */
export interface Runnable {
  /** Empty for a build of the engine `c`. */
  wasm: Uint8Array;
  table: Uint8Array;
  /** Bytes of linear memory that the module needs, from address 0. */
  memoryBytes: number;
  inputCount: number;
  outputCount: number;
  wasm3: Wasm3Settings;
}

/** How the target's wasm3 is set. */
export interface Wasm3Settings {
  /** Bytes of wasm3's own stack of values. */
  stackBytes: number;
  /** False for chips on which wasm3 has no tail calls: the host then runs that build of it. */
  tailCalls: boolean;
}

/** @throws PE4501 for an engine that needs a module when the build has none, PE4502 for C kernels where only the module has
 * those of its table, PE6001 for a corrupt table */
export async function createEngine(name: EngineName, runnable: Runnable): Promise<Engine> {
  if (name === 'c') return createCEngine(runnable);
  if (name === 'oracle') return { name, ...createOracle(requireValidTable(runnable.table)) };
  if (!runnable.wasm.length) throw new PinnEdgeError('PE4501', { engine: name });
  return name === 'v8' ? createV8Engine(runnable) : createWasm3Engine(runnable);
}

/** What builds for speed under wasm3 are laid out in (layout/interpreter.ts). */
const ONLY_IN_MODULES: readonly number[] = [KIND.LANES, KIND.MAP_SLOPES];

/** The C kernels that devices run, on the block table itself, unless that is laid out for the kernels of its module. */
function createCEngine({ table, inputCount, outputCount }: Runnable): Engine {
  const { records } = requireValidTable(table);
  if (records.some(({ kind }) => ONLY_IN_MODULES.includes(kind))) throw new PinnEdgeError('PE4502', {});
  return { name: 'c', run: (inputs) => runTable(table, inputs, inputCount, outputCount) };
}

interface ModuleExports extends Record<string, unknown> {
  memory: { buffer: ArrayBuffer };
  input(): number;
  output(): number;
  identity(): number;
  run(): number;
}

async function createV8Engine({ wasm, table, inputCount, outputCount }: Runnable): Promise<Engine> {
  const { instantiate } = await import('@assemblyscript/loader');
  // A module of wasm3+native imports its kernels: here they are the oracle's.
  const walk = (arena: number): number => {
    const words = new Int32Array(exports.memory.buffer, arena);
    const answer = createOracle(requireValidTable(table)).run(words.slice(0, inputCount));
    words.set(answer.outputs, inputCount);
    return answer.statuses[0];
  };
  const { exports } = await instantiate<ModuleExports>(wasm, { [WALK_IMPORT.module]: { [WALK_IMPORT.name]: walk } });
  const words = new Int32Array(exports.memory.buffer);
  const input = exports.input() / 4;
  const output = exports.output() / 4;
  return {
    name: 'v8',
    run(inputs) {
      const count = inputs.length / inputCount;
      const outputs = new Int32Array(count * outputCount);
      const statuses = new Int32Array(count);
      for (let p = 0; p < count; p++) {
        words.set(inputs.subarray(p * inputCount, (p + 1) * inputCount), input);
        statuses[p] = exports.run();
        outputs.set(words.subarray(output, output + outputCount), p * outputCount);
      }
      requireAnswers(statuses);
      return { outputs, statuses };
    },
  };
}

export interface Wasm3Engine extends Engine {
  usage(): Wasm3Usage;
  /** CRC-32 of the block table, by the module's own account. */
  identity(): number;
  dispose(): void;
}

/** wasm3 with the memory limit, stack size and tail calls of the target, and the device's checks and limits. */
export function createWasm3Engine(runnable: Runnable): Wasm3Engine {
  const { wasm, inputCount, outputCount, memoryBytes, wasm3 } = runnable;
  const module = Wasm3Module.load(wasm, { ...wasm3, memoryLimitBytes: memoryBytes, isModel: true });
  const input = Number(module.call('input'));
  const output = Number(module.call('output'));
  return {
    name: 'wasm3',
    run(inputs) {
      const result = runModule(wasm3, () => module.runBatch('run', input, inputs, inputCount, output, outputCount));
      requireAnswers(result.statuses);
      return result;
    },
    usage: () => module.usage(),
    identity: () => Number(module.call('identity')) >>> 0,
    dispose: () => void module.dispose(),
  };
}

/** A trap, or too many rounds of loops: only in modules that no compiler of ours made, or on too small a stack. */
function runModule<T>({ stackBytes }: Wasm3Settings, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === STACK_OVERFLOW)
      throw new PinnEdgeError('PE6010', { bytes: stackBytes });
    throw new PinnEdgeError('PE6009', { reason: (error as Error).message });
  }
}

function requireAnswers(statuses: ArrayLike<number>): void {
  for (let i = 0; i < statuses.length; i++) {
    const status = statuses[i];
    if (status < STATUS.REFUSED) continue;
    const check = status - STATUS.REFUSED;
    throw new PinnEdgeError('PE6003', { status, name: `block table check ${check}: ${checkName(check)}` });
  }
}
