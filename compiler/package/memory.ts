/**
 * Linear memory that a module touches: the table and then the arena lie from address 8 on, each aligned to 8 (see
 * codegen/entry.ts). It is the exact limit to give wasm3.
 */
export function linearMemoryBytes(tableBytes: number, arenaBytes: number): number {
  const align = (bytes: number) => Math.ceil(bytes / 8) * 8;
  return 8 + align(tableBytes) + align(arenaBytes);
}
