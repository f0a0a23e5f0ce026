import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { outputWordFormats } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { goldenVectors } from '../../compiler/deliver/package/golden.js';
import { type HeaderInput, modelHeader } from '../../compiler/deliver/package/header.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { readHeader } from '../../compiler/table/table.js';
import { Wasm3Module } from '../../targets/host/wasm3.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** A small real model with two outputs, one of them with scale, offset and a unit that is not ASCII. */
export async function smallModel(engine?: BuildEngine): Promise<CompiledModel> {
  const json = perceptron([2, 6, 2]);
  const outputs = json.outputs as Record<string, unknown>[];
  Object.assign(outputs[0], { scale: 2.5, offset: -1.3, unit: '°C' });
  return compile(modelFrom(json), { tolerance: 1e-3, engine });
}

const STACK_BYTES = 2048;

/** As measured by the host's binding, which is how builds know it: here for pointers of 8 bytes, twice a chip's. */
function heapBytes(wasm: Uint8Array, memoryLimitBytes: number): number {
  const module = Wasm3Module.load(wasm, { stackBytes: STACK_BYTES, memoryLimitBytes });
  try {
    return module.usage().peakHeapBytes / 2;
  } finally {
    module.dispose();
  }
}

export function headerInputOf(compiled: CompiledModel): HeaderInput {
  const { model, lowered, table, wasm } = compiled;
  const golden = goldenVectors(model, lowered.table);
  const { arenaBytes } = lowered.table;
  const isTable = compiled.engine === 'c';
  const memoryBytes = isTable ? arenaBytes : linearMemoryBytes(table.length, arenaBytes);
  const formats = outputWordFormats(lowered.table, model.outputs);
  return {
    name: model.name,
    engine: compiled.engine,
    payload: isTable ? table : wasm,
    identity: readHeader(table).crc,
    memoryBytes,
    stackBytes: isTable ? 0 : STACK_BYTES,
    heapBytes: isTable ? 0 : heapBytes(wasm, memoryBytes),
    inputs: model.inputs.map((input, i) => ({ ...input, exponent: lowered.table.inputs[i].exponent })),
    outputs: model.outputs.map(({ name, unit }, i) => {
      const { largestReference, maxAbsolute } = compiled.measured.outputs[i];
      return { name, unit, ...formats[i], largest: largestReference + maxAbsolute };
    }),
    golden: {
      inputWords: Int32Array.from(golden.inputWords.flat()),
      outputWords: Int32Array.from(golden.outputWords.flat()),
      count: golden.points.length,
    },
    provenance: 'test',
  };
}

/** Writes pinn_model.h for the model into `folder`. */
export function writeHeader(folder: string, compiled: CompiledModel): void {
  writeFileSync(join(folder, 'pinn_model.h'), modelHeader(headerInputOf(compiled)));
}
