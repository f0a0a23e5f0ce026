/** Instruction sets that no board is emulated of, and the nearest one that is. */
export const NEAREST: Record<string, string> = {
  'xtensa-lx6': 'xtensa-lx106',
  'xtensa-lx7': 'xtensa-lx106',
  native: 'armv7-m',
};
