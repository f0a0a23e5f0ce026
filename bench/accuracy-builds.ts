import type { Goal } from '../compiler/code/cost/goal.js';
import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import { createEngine } from '../compiler/code/engines/create.js';
import { linearMemoryBytes } from '../compiler/code/linear-memory.js';
import { type Compressor, compressModel } from '../compiler/compress/compress.js';
import type { Attempt } from '../compiler/formats/search/fitting.js';
import { type CompiledModel, compile } from '../compiler/index.js';
import type { Model } from '../compiler/model/types.js';
import { generateModule, layOutFor } from '../compiler/pipeline/code-stage.js';
import { settingsOf } from '../compiler/pipeline/compile-options.js';
import { lower } from '../compiler/table/lower/lower.js';
import { encodeTable } from '../compiler/table/table.js';

/** The builds of a model within a tolerance, with no search for formats made twice. */

/** An engine and a goal: `wasm3/size`. */
export type Variant = string;

/** What a variant runs: the module, or the block table of the engines in C. */
export interface VariantBuild {
  engine: BuildEngine;
  goal: Goal;
  wasm: Uint8Array;
  table: Uint8Array;
  memoryBytes: number;
}

/** Formats, which several variants share: those for bytes, for speed under wasm3, and for speed by kernels in C. */
export interface SharedFormats {
  built: CompiledModel;
  /** The block table before it is laid out for an engine: what all its layouts stand for. */
  table: Uint8Array;
}

export class Builds {
  private readonly formats = new Map<string, Promise<SharedFormats>>();
  private readonly compressed = new Map<string, ReturnType<Compressor>>();

  constructor(
    private readonly model: Model,
    private readonly tolerance: number,
    private readonly isCompressed: boolean,
  ) {}

  /** Formats are chosen by what they cost, which depends on the engine only where a build is for speed. */
  formatsOf(variant: Variant): Promise<SharedFormats> {
    const { engine, goal } = partsOf(variant);
    const key = goal !== 'speed' ? 'size' : engine === 'wasm3' ? 'wasm3/speed' : 'c/speed';
    const known = this.formats.get(key) ?? this.look(key === 'size' ? 'wasm3/size' : key);
    this.formats.set(key, known);
    return known;
  }

  /** The variant's own layout of its formats and its own module. */
  async buildOf(variant: Variant): Promise<VariantBuild> {
    const { built } = await this.formatsOf(variant);
    const { engine, goal } = partsOf(variant);
    // A build for speed that is not worth its bytes is one for size.
    const settings = settingsOf(this.model, { engine, goal: goal === 'speed' ? built.goal : goal });
    if (settings.engine === built.engine && settings.goal === built.goal) {
      const { wasm, table, lowered } = built;
      return {
        engine,
        goal: built.goal,
        wasm,
        table,
        memoryBytes: linearMemoryBytes(table.length, lowered.table.arenaBytes),
      };
    }
    const plain = lower(built.quantized, this.model.inputs);
    const attempt = { lowered: plain, tableBytes: encodeTable(plain.table) };
    const { lowered, table } = layOutFor(settings, attempt as Attempt);
    const { wasm } = await generateModule(settings, this.model, lowered, table);
    const memoryBytes = linearMemoryBytes(table.length, lowered.table.arenaBytes);
    return { engine, goal: settings.goal, wasm, table, memoryBytes };
  }

  private async look(variant: Variant): Promise<SharedFormats> {
    const { engine, goal } = partsOf(variant);
    const compress = this.isCompressed ? ({ goal: goal === 'speed' ? 'speed' : 'size' } as const) : undefined;
    const compressWith: Compressor = (model, graph, allowances, options) => {
      const key = JSON.stringify(options);
      const result = this.compressed.get(key) ?? compressModel(model, graph, allowances, options);
      this.compressed.set(key, result);
      return result;
    };
    const built = await compile(this.model, { tolerance: this.tolerance, engine, goal, compress, compressWith });
    return { built, table: encodeTable(lower(built.quantized, this.model.inputs).table) };
  }
}

function partsOf(variant: Variant): { engine: BuildEngine; goal: Goal } {
  const [engine, goal] = variant.split('/') as [BuildEngine, Goal];
  return { engine, goal };
}

/** Integers in, integers out, as the variant's engine answers: the module under V8, or the kernels in C. */
export async function wordsOf(model: Model, { engine, wasm, table, memoryBytes }: VariantBuild) {
  const running = await createEngine(engine === 'wasm3' ? 'v8' : 'c', {
    wasm,
    table,
    memoryBytes,
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: 4096, tailCalls: true },
  });
  return (words: Int32Array): Int32Array => running.run(words).outputs;
}
