import { compileAssemblyScript, ENTRY } from '../../compiler/code/asc/run-asc.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import type { Model } from '../../compiler/model/types.js';
import type { Board } from '../../compiler/run/boards/boards.js';
import { addRun, type BoardFigures } from '../../compiler/run/boards/figures.js';
import { runKept } from '../kept-run.js';
import { emlearnC } from './emlearn.js';
import { buildRival, type RivalProgram, readHarness, wasm3Library } from './firmware.js';
import { floatC } from './float-c.js';
import { floatAssemblyScript } from './float-wasm.js';
import { EMLEARN, packageFolder, type RivalPackage, TFMICRO } from './packages.js';
import { asPerceptron } from './perceptron.js';
import { tflmProgram } from './tflm.js';

/** What a user would pick instead, on the same boards with the same weights and inputs. */
export interface Rival {
  name: string;
  /** What it is, in one line for the documents. */
  description: string;
  /** Points to evaluate: interpreted floats are slow. */
  points: number;
  /** Where its sources come from; it is left out until they are fetched. */
  source?: RivalPackage;
  /** @returns undefined when it cannot run the model on that board */
  program(model: Model, board: Board): Promise<RivalProgram | undefined>;
}

const OPTIMIZED = ['-O3', '-std=gnu11', '-Wall', '-Wextra'];

export const RIVALS: readonly Rival[] = [
  {
    name: 'float32 C',
    description: 'plain float32 C, one loop nest per node as onnx2c writes it, -O3, the C library’s tanhf and the like',
    points: 512,
    program: async (model) => {
      const text = floatC(model);
      return text === undefined ? undefined : programOf(model, new Map([['model.c', text]]), OPTIMIZED);
    },
  },
  {
    name: 'float32 wasm3',
    description:
      'the same float32 program as AssemblyScript, products unrolled by four, under wasm3 as it comes (64 KiB page, 32 KiB code pages)',
    points: 48,
    program: async (model) => {
      const text = floatAssemblyScript(model);
      if (text === undefined) return undefined;
      const wasm = await compileAssemblyScript(new Map([[ENTRY, text]]));
      const module = `#include <stdint.h>\nstatic const uint8_t rival_module[] = {${Array.from(wasm).join(',')}};\n`;
      const files = new Map([
        ['module.h', module],
        ['wasm.c', readHarness('wasm.c')],
      ]);
      return { ...programOf(model, files, ['-std=gnu11']), library: wasm3Library() };
    },
  },
  {
    name: 'emlearn',
    description: 'emlearn 0.23.2 (PyPI), float32, -O3; networks of dense layers and tanh only',
    points: 512,
    source: EMLEARN,
    program: async (model) => {
      const [layers, folder] = [asPerceptron(model), packageFolder(EMLEARN)];
      if (!layers || !folder) return undefined;
      const library = { units: [], includes: [`${folder}/emlearn`], flags: [], version: `emlearn ${EMLEARN.version}` };
      const files = new Map([['model.c', emlearnC(layers)]]);
      return { ...programOf(model, files, ['-O3', '-std=gnu11', '-w']), library };
    },
  },
  ...(['float32', 'int8'] as const).map(
    (numbers): Rival => ({
      name: `TFLM ${numbers}`,
      description: `TensorFlow Lite for Microcontrollers of July 2020 (the crate tfmicro 0.1.0 carries its sources), reference kernels, -O3, ${numbers}; networks of dense layers and tanh, on Arm, where a C++ library is to be had`,
      points: 512,
      source: TFMICRO,
      program: async (model, board) => {
        const layers = asPerceptron(model);
        return layers && board.isa.startsWith('arm') ? tflmProgram(model, layers, numbers === 'int8') : undefined;
      },
    }),
  ),
];

function programOf(model: Model, files: ReadonlyMap<string, string>, flags: readonly string[]): RivalProgram {
  return { inputs: model.inputs.length, outputs: model.outputs.length, files, flags };
}

export interface RivalResult {
  figures: BoardFigures;
  harness: HarnessFigures;
  maxRelative: number;
}

/** Flash and variables, in bytes, of the harness alone, to be subtracted. */
export interface HarnessFigures {
  flash: number;
  static: number;
}

export function harnessFigures(model: Pick<Model, 'inputs' | 'outputs'>, board: Board): HarnessFigures {
  const files = new Map([['none.c', readHarness('none.c')]]);
  const program = { inputs: model.inputs.length, outputs: model.outputs.length, files, flags: OPTIMIZED };
  const { figures } = runRival(board, program, new Int32Array(program.inputs));
  return { flash: figures.flashBytes, static: figures.staticBytes };
}

const LIMIT_SECONDS = 1800;

export function runRival(
  board: Board,
  program: RivalProgram,
  inputs: Int32Array,
): { figures: BoardFigures; rows: Int32Array } {
  const { printed, rows } = runKept(board, buildRival(board, program), inputs, LIMIT_SECONDS);
  return { figures: addRun(board.name, printed), rows };
}

/** Runs a rival over `points` (engineering units, row-major) and judges it by the float64 reference. */
export async function measureRival(
  rival: Rival,
  model: Model,
  board: Board,
  points: Float64Array,
): Promise<RivalResult | undefined> {
  // The LX106's compiler package leaves floating-point arithmetic to the ROM of the ESP8266.
  if (board.isa === 'xtensa-lx106') return undefined;
  const program = await rival.program(model, board);
  if (!program) return undefined;
  const inputs = new Int32Array(Float32Array.from(points).buffer);
  const { figures, rows } = runRival(board, program, inputs);
  return { figures, harness: harnessFigures(model, board), maxRelative: largestRelativeError(model, points, rows) };
}

/** @param rows per point a status and the outputs as the bits of float32 */
function largestRelativeError(model: Model, points: Float64Array, rows: Int32Array): number {
  const reference = evaluateReference(model, points);
  const answers = new Float32Array(rows.buffer);
  const width = model.outputs.length;
  const errors = model.outputs.map((_, k) => {
    let [worst, largest] = [0, 0];
    for (let p = 0; p * width < reference.length; p++) {
      const wanted = reference[p * width + k];
      const error = Math.abs(answers[p * (1 + width) + 1 + k] - wanted);
      // NaN counts as the worst possible error.
      worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      largest = Math.max(largest, Math.abs(wanted));
    }
    return worst / largest;
  });
  return Math.max(...errors);
}
