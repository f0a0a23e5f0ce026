/**
 * What a module may have at most, so that it can be checked in fixed memory before wasm3 sees it and does not meet one
 * of wasm3's own limits. Held by the compiler (device.ts) and by every device (targets/common/pe_validate.c, to which
 * `npm run format:generate` gives them).
 */
export const MODULE = {
  MAX_TYPES: 32,
  MAX_FUNCTIONS: 96,
  MAX_PARAMETERS: 16, // of one function
  MAX_GLOBALS: 8,
  MAX_CALLS: 192, // call instructions
  MAX_NESTING: 96, // blocks in one another, the body included
  MAX_VALUES: 192, // locals, operands and open blocks at one time; wasm3 holds 256 places and needs 60 for constants
  MAX_TARGETS: 64, // of one br_table
  MAX_WORK: 0x4000, // operations of a function with all that it calls, every loop run once
} as const;

/** Where the block table of a module lies in its linear memory. */
export const TABLE_ADDRESS = 8;

/** Exports of a module: the memory, and functions without parameters that return an i32. */
export const REQUIRED_EXPORTS = ['memory', 'input', 'output', 'identity', 'run', 'lastStatus'] as const;
/** Those that are nothing but a constant, one after the other: the library takes it from the code, without a call. */
export const CONSTANT_EXPORTS: readonly string[] = ['input', 'output', 'identity'];
/** Exports that it may have besides. */
export const EXPORTS = [...REQUIRED_EXPORTS, 'evaluate'] as const;
