import { fromWords, toWords } from '../../../code/engines/engine.js';
import { WALK_IMPORT } from '../../../code/native-entry.js';
import { evaluateReference } from '../../../judge/reference/evaluate.js';
import { type Tolerance, toleranceOf } from '../../../judge/requirement.js';
import type { Model } from '../../../model/types.js';
import { createOracle } from '../../../table/oracle/oracle.js';
import { decodeTable, readHeader } from '../../../table/table.js';
import type { PackedBuild } from '../page-data.js';
import { crc32 } from './crc32.js';
import { type Unpacked, unpackModel } from './unpack.js';

/** A build as it runs in the page: the module's own integers, the float64 reference, and what is known of both. */

export interface Answers {
  /** Row-major [points x outputs]: int32 words, and the same in engineering units. */
  words: Int32Array;
  values: Float64Array;
  /** Per point 0, or 1 where an input was held to its range. */
  statuses: number[];
}

export interface Runtime {
  build: PackedBuild;
  model: Model;
  /** Such as `burgers on esp32`. */
  title: string;
  /** Allowed |edge - reference| of every output, in its unit. */
  allowances: number[];
  /** @param points row-major [points x inputs], engineering units */
  run(points: Float64Array): Answers;
  reference(points: Float64Array): Float64Array;
}

type WordProgram = (inputs: Int32Array) => { outputs: Int32Array; statuses: ArrayLike<number> };

/** @throws with a sentence when the program is not the one that was packed, or does not start */
export async function startRuntime(build: PackedBuild, data: Unpacked): Promise<Runtime> {
  const { report } = build;
  const program = data.bytesOf(build.program);
  const what = report.engine === 'c' ? 'block table' : 'module';
  if (program.length !== build.program.bytes || crc32(program) !== build.program.crc) {
    throw new Error(`the ${what} is damaged: its CRC-32 is not the one that it was written with`);
  }
  const run = report.engine === 'c' ? runTable(program, report.identity) : await runModule(program, build, data);
  const model = unpackModel(data.models[build.model], data.bytesOf);
  const inputs = report.inputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
  return {
    build,
    model,
    title: `${report.name} on ${report.target}`,
    allowances: report.outputs.map(({ name }, k) => allowance(toleranceOf(report.tolerance, name), build.largest[k])),
    run: (points) => {
      const { outputs, statuses } = run(toWords(points, inputs));
      return { words: outputs, values: fromWords(outputs, report.outputs), statuses: Array.from(statuses) };
    },
    reference: (points) => evaluateReference(model, points),
  };
}

function allowance(tolerance: Tolerance, largest: number): number {
  return 'relative' in tolerance ? tolerance.relative * largest : tolerance.absolute;
}

function runTable(bytes: Uint8Array, identity: number): WordProgram {
  if (readHeader(bytes).crc !== identity) throw new Error('the block table is not the one of its report');
  return createOracle(decodeTable(bytes)).run;
}

interface ModuleExports {
  memory: WebAssembly.Memory;
  input(): number;
  output(): number;
  identity(): number;
  run(): number;
}

async function runModule(
  wasm: Uint8Array<ArrayBuffer>,
  { report, table }: PackedBuild,
  data: Unpacked,
): Promise<WordProgram> {
  const [inputCount, outputCount] = [report.inputs.length, report.outputs.length];
  const kernels = table && createOracle(decodeTable(data.bytesOf(table)));
  const walk = (arena: number): number => {
    const words = new Int32Array(module.memory.buffer, arena);
    const answer = kernels!.run(words.slice(0, inputCount));
    words.set(answer.outputs, inputCount);
    return answer.statuses[0];
  };
  const stop = () => {
    throw new Error('the module stopped itself');
  };
  const imports = { [WALK_IMPORT.module]: { [WALK_IMPORT.name]: walk }, env: { abort: stop } };
  const { instance } = await WebAssembly.instantiate(wasm, imports);
  const module = instance.exports as unknown as ModuleExports;
  if (module.identity() >>> 0 !== report.identity) throw new Error('the module is not the one of its report');
  const [input, output] = [module.input() / 4, module.output() / 4];
  return (words) => {
    const count = words.length / inputCount;
    const memory = new Int32Array(module.memory.buffer);
    const outputs = new Int32Array(count * outputCount);
    const statuses = new Uint8Array(count);
    for (let p = 0; p < count; p++) {
      memory.set(words.subarray(p * inputCount, (p + 1) * inputCount), input);
      statuses[p] = module.run();
      outputs.set(memory.subarray(output, output + outputCount), p * outputCount);
    }
    return { outputs, statuses };
  };
}

/** How many golden vectors the program repeats bit for bit. */
export function checkGolden({ build, run }: Runtime): { right: number; of: number } {
  const { golden } = build;
  const { words } = run(Float64Array.from(golden.points.flat()));
  const width = build.report.outputs.length;
  const right = golden.outputWords.filter((wanted, p) => wanted.every((word, k) => word === words[p * width + k]));
  return { right: right.length, of: golden.points.length };
}
