import type { CompiledModel } from '../pipeline.js';

/**
 * Linear memory that a module touches: the table and then the arena lie from address 8 on, each aligned to 8 (see
 * codegen/entry.ts). It is the exact limit to give wasm3.
 */
export function linearMemoryBytes(tableBytes: number, arenaBytes: number): number {
  const align = (bytes: number) => Math.ceil(bytes / 8) * 8;
  return 8 + align(tableBytes) + align(arenaBytes);
}

/** Linear memory of a build: modules that import their kernels leave the table in the firmware's flash. */
export function buildMemoryBytes({ engine, table, lowered }: CompiledModel): number {
  return linearMemoryBytes(engine === 'wasm3' ? table.length : 0, lowered.table.arenaBytes);
}
