import { requireDeviceModule } from '../code/asc/device.js';
import { requireMvp } from '../code/asc/mvp.js';
import { compileAssemblyScript, ENTRY, runtimeSources } from '../code/asc/run-asc.js';
import { interpreterPrices } from '../code/cost/instructions.js';
import { generateSources } from '../code/entry.js';
import { linearMemoryBytes } from '../code/linear-memory.js';
import { nativeEntrySource, WALK_IMPORT, withTable } from '../code/native-entry.js';
import type { Attempt } from '../formats/search/fitting.js';
import type { Model } from '../model/types.js';
import { requireValidTable } from '../table/check.js';
import { layOut } from '../table/layout/interpreter.js';
import { nativeTable } from '../table/layout/native.js';
import type { LoweredModel } from '../table/lower/lower.js';
import { encodeTable, tableCrc } from '../table/table.js';
import type { CompileSettings } from './compile-options.js';
import type { CompiledModel } from './compiled-model.js';

/** The block table as the engine reads it, and stage `compile`: the module around it. */

/** The block table with its weights in the order that the engine's kernels read them; checked as devices check it. */
export function layOutFor(
  { engine, goal, kernels, isa }: CompileSettings,
  { lowered, tableBytes }: Attempt,
): { lowered: LoweredModel; table: Uint8Array } {
  const inPlace = engine === 'wasm3' && goal !== 'speed';
  const laidOut = inPlace
    ? lowered
    : engine === 'wasm3'
      ? layOut(lowered, kernels, interpreterPrices(isa))
      : { ...lowered, table: nativeTable(lowered.table, lowered.peaks) };
  const table = inPlace ? tableBytes : encodeTable(laidOut.table);
  requireValidTable(table);
  return { lowered: laidOut, table };
}

type Generated = Pick<CompiledModel, 'sources' | 'wasm'>;

/** AssemblyScript and the module that asc makes of it; nothing for the engine `c`. */
export async function generateModule(
  { engine, goal, kernels }: CompileSettings,
  model: Model,
  lowered: LoweredModel,
  table: Uint8Array,
): Promise<Generated> {
  if (engine === 'c') return { sources: new Map(), wasm: new Uint8Array() };
  if (engine === 'wasm3+native') return generateNativeModule(model, lowered, table);
  const parts = lowered.once && {
    onceRecords: lowered.once.records,
    once: model.inputs.map(({ once }) => once === true),
  };
  const generated = generateSources(lowered.table, table, model.name, kernels.callsInARow, parts);
  const sources = new Map([...runtimeSources(), [ENTRY, generated.entry], ['dispatch.ts', generated.dispatch]]);
  const wasm = await compileAssemblyScript(sources, goal === 'memory');
  requireMvp(wasm);
  requireDeviceModule(wasm, linearMemoryBytes(table.length, lowered.table.arenaBytes));
  return { sources, wasm };
}

async function generateNativeModule(
  model: Model,
  { table: blocks }: LoweredModel,
  table: Uint8Array,
): Promise<Generated> {
  const sources = new Map([[ENTRY, nativeEntrySource(blocks, tableCrc(table), model.name)]]);
  const wasm = withTable(await compileAssemblyScript(sources), table);
  requireMvp(wasm, WALK_IMPORT);
  return { sources, wasm };
}
