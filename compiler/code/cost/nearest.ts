/**
 * Instruction sets that no board is emulated of, and the nearest one that is: the one table of it, for prices, counts and
 * times alike.
 */
const NEAREST: Readonly<Record<string, string>> = {
  'xtensa-lx6': 'xtensa-lx106',
  'xtensa-lx7': 'xtensa-lx106',
  native: 'armv7-m',
};

/** Instruction sets that builds can be made for, of those that were measured. */
export function knownIsas(isas: Readonly<Record<string, unknown>>): string[] {
  return [...new Set([...Object.keys(isas), ...Object.keys(NEAREST)])].sort();
}

/** What was measured for an instruction set, by its own name or else by that of the nearest one, and that name. */
export function nearestMeasured<T>(isas: Readonly<Record<string, T>>, isa: string): { isa: string; measured: T } {
  for (const name of [isa, NEAREST[isa]]) {
    if (name !== undefined && Object.hasOwn(isas, name)) return { isa: name, measured: isas[name] };
  }
  throw new Error(`no prices for the instruction set ${isa}: npm run calibrate`);
}
