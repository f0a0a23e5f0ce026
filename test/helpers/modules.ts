import { requireMvp } from '../../compiler/code/asc/mvp.js';
import { compileAssemblyScript, ENTRY, runtimeSources } from '../../compiler/code/asc/run-asc.js';
import type { Runnable } from '../../compiler/code/engines/create.js';
import { generateSources } from '../../compiler/code/entry.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { type BlockTable, encodeTable } from '../../compiler/table/table.js';

/** The real module of a block table, compiled by the real asc. */
export async function moduleOf(table: BlockTable, tailCalls = true): Promise<Runnable> {
  const bytes = encodeTable(table);
  const generated = generateSources(table, bytes, 'test');
  const sources = new Map([...runtimeSources(), [ENTRY, generated.entry], ['dispatch.ts', generated.dispatch]]);
  const wasm = await compileAssemblyScript(sources);
  requireMvp(wasm);
  return {
    wasm,
    table: bytes,
    memoryBytes: linearMemoryBytes(bytes.length, table.arenaBytes),
    inputCount: table.inputs.length,
    outputCount: table.outputs.length,
    wasm3: { stackBytes: 2048, tailCalls },
  };
}
