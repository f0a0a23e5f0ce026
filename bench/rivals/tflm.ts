import { join } from 'node:path';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { type RivalProgram, readHarness } from './firmware.js';
import { packageFolder, TFMICRO } from './packages.js';
import type { PerceptronLayer } from './perceptron.js';
import { type PerceptronRanges, writeTflite } from './tflite.js';

/** TensorFlow Lite for Microcontrollers: its interpreter and reference kernels, compiled from the crate's sources. */

/** What the interpreter and these two operations link, by path in tensorflow/lite. */
const UNITS = [
  'c/common.c',
  'core/api/error_reporter.cc',
  'core/api/flatbuffer_conversions.cc',
  'core/api/op_resolver.cc',
  'core/api/tensor_utils.cc',
  'kernels/internal/quantization_util.cc',
  'kernels/kernel_util.cc',
  'micro/kernels/fully_connected.cc',
  'micro/kernels/tanh.cc',
  'micro/memory_helpers.cc',
  'micro/memory_planner/greedy_memory_planner.cc',
  'micro/memory_planner/linear_memory_planner.cc',
  'micro/micro_allocator.cc',
  'micro/micro_error_reporter.cc',
  'micro/micro_interpreter.cc',
  'micro/micro_string.cc',
  'micro/micro_utils.cc',
  'micro/simple_memory_allocator.cc',
];

const DOWNLOADS = 'tensorflow/lite/micro/tools/make/downloads';
const INCLUDES = ['', DOWNLOADS, `${DOWNLOADS}/gemmlowp`, `${DOWNLOADS}/flatbuffers/include`, `${DOWNLOADS}/ruy`];

const FLAGS = [
  '-O3',
  '-w',
  '-fno-rtti',
  '-fno-exceptions',
  '-fno-threadsafe-statics',
  '-fno-unwind-tables',
  '-DTF_LITE_STATIC_MEMORY',
  '-DTF_LITE_STRIP_ERROR_STRINGS',
  '-DNDEBUG',
  '-DGEMMLOWP_ALLOW_SLOW_SCALAR_FALLBACK',
];

export function tflmProgram(
  model: Model,
  layers: readonly PerceptronLayer[],
  isInt8: boolean,
): RivalProgram | undefined {
  const folder = packageFolder(TFMICRO);
  if (!folder) return undefined;
  const { bytes, input, output } = writeTflite(layers, isInt8 ? rangesOf(model, layers) : undefined);
  const header = `#include <stdint.h>
#define RIVAL_ARENA_BYTES ${arenaBytes(layers)}
${isInt8 ? '#define RIVAL_INT8\n' : ''}#define RIVAL_INPUT_PER_UNIT ${1 / input.scale}f
#define RIVAL_INPUT_ZERO ${input.zeroPoint}
#define RIVAL_OUTPUT_UNIT ${output.scale}f
#define RIVAL_OUTPUT_ZERO ${output.zeroPoint}
alignas(16) static const uint8_t rival_model[] = {${Array.from(bytes).join(',')}};
`.replace(/(PER_UNIT|_UNIT) (\d+)f/g, '$1 $2.0f');
  return {
    inputs: model.inputs.length,
    outputs: model.outputs.length,
    files: new Map([
      ['rival_model.h', header],
      ['tflm.cc', readHarness('tflm.cc')],
    ]),
    library: {
      units: UNITS.map((path) => join(folder, 'tensorflow', 'lite', path)),
      includes: INCLUDES.map((path) => join(folder, path)),
      flags: FLAGS,
      version: `${TFMICRO.name} ${TFMICRO.version}`,
    },
    flags: ['-std=c++14'],
    linkFlags: ['-lstdc++'],
  };
}

/** Enough for the tensors' and operations' descriptions, 64 and 32 bytes each, and two of the widest values. */
function arenaBytes(layers: readonly PerceptronLayer[]): number {
  return 1024 * Math.ceil((1500 + 500 * layers.length) / 1024);
}

const RANGE_POINTS = 4096;

/** The sums' ranges over the box, sampled as a converter does it with representative data. */
function rangesOf(model: Model, layers: readonly PerceptronLayer[]): PerceptronRanges {
  const points = coveringPoints(inputBox(model.inputs), RANGE_POINTS);
  const width = model.inputs.length;
  const grow = (range: { min: number; max: number }, value: number) => {
    range.min = Math.min(range.min, value);
    range.max = Math.max(range.max, value);
  };
  const input = { min: 0, max: 0 };
  const sums = layers.map(() => ({ min: 0, max: 0 }));
  for (let p = 0; p * width < points.length; p++) {
    let x: ArrayLike<number> = points.subarray(p * width, (p + 1) * width);
    for (let i = 0; i < width; i++) grow(input, x[i]);
    layers.forEach(({ rows, cols, weight, bias, tanh }, l) => {
      const y = new Float64Array(rows);
      for (let r = 0; r < rows; r++) {
        let sum = bias[r];
        for (let c = 0; c < cols; c++) sum += weight[r * cols + c] * x[c];
        grow(sums[l], sum);
        y[r] = tanh ? Math.tanh(sum) : sum;
      }
      x = y;
    });
  }
  return { input, sums };
}
