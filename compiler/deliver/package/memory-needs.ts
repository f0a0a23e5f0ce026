import { linearMemoryBytes } from '../../code/linear-memory.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';

/** Linear memory of a build: modules that import their kernels leave the table in the firmware's flash. */
export function buildMemoryBytes({ engine, table, lowered }: CompiledModel): number {
  return linearMemoryBytes(engine === 'wasm3' ? table.length : 0, lowered.table.arenaBytes);
}
