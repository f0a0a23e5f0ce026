import { readBody } from './check-code.js';
import { type FunctionType, list, type ModuleParts, requireAtMost, requireInteger } from './check-read.js';
import { CONSTANT_EXPORTS, EXPORTS, MODULE, REQUIRED_EXPORTS } from './limits.js';
import { I32, Reader, Refusal } from './reader.js';

/**
 * The check of a module's sections (targets/common/pe_check_sections.c): which there are, in which order, and what is in
 * them.
 */

const PAGE_BYTES = 65536;
const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  global: 6,
  export: 7,
  code: 10,
  data: 11,
} as const;
const OPTIONAL: ReadonlySet<number> = new Set([SECTION.custom, SECTION.import, SECTION.global, SECTION.data]);
/** What stands before the block table, and the one import, in modules whose kernels the firmware brings. */
const TABLE_SECTION_NAME = [9, ...ascii('pinn-edge')];
const WALK_IMPORT = [1, 2, ...ascii('pe'), 4, ...ascii('walk'), 0];

/** Fills `parts` in; throws {@link Refusal} where a device would refuse the module. */
export function readSections(wasm: Uint8Array, memoryBytes: number, parts: ModuleParts): void {
  const reader = new Reader(wasm, 8, wasm.length);
  for (const id of Object.values(SECTION)) {
    if (reader.done || wasm[reader.at] !== id) {
      if (!OPTIONAL.has(id)) throw new Refusal(`section ${id} is missing, or another one stands in its place`);
      continue;
    }
    reader.byte();
    readSection(id, reader.sub(reader.leb()), memoryBytes, parts);
  }
  if (parts.hasTable !== parts.imports > 0) throw new Refusal('it has a block table or pe.walk, but not both');
  if (!reader.done) throw new Refusal(`it holds section ${wasm[reader.at]}, which models do not have`);
}

function readSection(id: number, section: Reader, memoryBytes: number, parts: ModuleParts): void {
  switch (id) {
    case SECTION.custom:
      requireBytes(section, TABLE_SECTION_NAME, 'it has another custom section than its block table');
      section.skip(section.end - section.at);
      parts.hasTable = true;
      return;
    case SECTION.import:
      requireBytes(section, WALK_IMPORT, 'it imports something else than pe.walk');
      readImport(section, parts);
      return;
    case SECTION.type:
      parts.types = list(section, MODULE.MAX_TYPES, 'types', () => readFunctionType(section));
      return;
    case SECTION.function:
      parts.functions.push(...list(section, MODULE.MAX_FUNCTIONS - 1, 'functions', () => parts.types[section.leb()]));
      return;
    case SECTION.memory:
      checkMemory(section, memoryBytes);
      return;
    case SECTION.global:
      parts.globals = list(section, MODULE.MAX_GLOBALS, 'globals', () => {
        requireInteger(section.byte(), 'a global');
        section.byte();
        readInitialValue(section);
      }).length;
      return;
    case SECTION.export:
      checkExports(section, parts);
      return;
    case SECTION.code:
      list(section, MODULE.MAX_FUNCTIONS, 'functions', (i) => {
        const length = section.leb();
        const start = section.at;
        readBody(section.sub(length), parts.functions[parts.imports + i], parts);
        if (!parts.constants.has(parts.imports + i)) return;
        section.at = start;
        requireConstant(section.sub(length));
      });
      requireAtMost(parts.calls, MODULE.MAX_CALLS, 'calls');
      return;
    default:
      list(section, Number.MAX_SAFE_INTEGER, 'data segments', () => {
        if (section.byte() !== 0) throw new Refusal('a data segment is not for the memory');
        const offset = readInitialValue(section);
        const length = section.leb();
        if (offset + length > memoryBytes) throw new Refusal(`data lies outside its ${memoryBytes} bytes of memory`);
        section.skip(length);
      });
  }
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function requireBytes(reader: Reader, expected: readonly number[], otherwise: string): void {
  for (const byte of expected) if (reader.done || reader.byte() !== byte) throw new Refusal(otherwise);
}

/** pe.walk(arena: i32, bytes: i32) -> i32. */
function readImport(section: Reader, parts: ModuleParts): void {
  const type = parts.types[section.leb()];
  const isWalk = type.parameters.every((parameter) => parameter === I32) && type.parameters.length === 2;
  if (!isWalk || type.result !== I32) throw new Refusal('pe.walk has another type');
  parts.functions.push(type);
  parts.imports = 1;
}

/** Counts that the device reads as one byte. */
function small(reader: Reader, most: number, what: string): number {
  const count = reader.byte();
  requireAtMost(count, most, what);
  return count;
}

function readFunctionType(reader: Reader): FunctionType {
  reader.byte();
  const count = small(reader, MODULE.MAX_PARAMETERS, 'parameters of a function');
  const parameters = Array.from({ length: count }, () => requireInteger(reader.byte(), 'a parameter'));
  const results = small(reader, 1, 'results of a function');
  return { parameters, result: results ? requireInteger(reader.byte(), 'a result') : undefined };
}

/** A body that is one constant; the types are right already. */
function requireConstant(body: Reader): void {
  if (body.byte() !== 0 || body.byte() !== 0x41) throw new Refusal('its addresses and identity are no constants');
  body.leb();
  if (body.byte() !== 0x0b || !body.done) throw new Refusal('its addresses and identity are no constants');
}

/** A constant and the end; the value of an i32, taken as unsigned. */
function readInitialValue(reader: Reader): number {
  const opcode = reader.byte();
  if (opcode !== 0x41 && opcode !== 0x42) throw new Refusal('an initial value is not a constant');
  const value = signedLeb(reader);
  reader.byte();
  return value < 0 ? value + 2 ** 32 : value;
}

function signedLeb(reader: Reader): number {
  const start = reader.at;
  const value = reader.leb();
  const bits = 7 * (reader.at - start);
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

function checkMemory(section: Reader, memoryBytes: number): void {
  section.leb();
  section.leb();
  const pages = section.leb();
  const needed = Math.ceil(memoryBytes / PAGE_BYTES);
  if (pages !== needed && pages !== needed + 1) {
    throw new Refusal(`it declares ${pages} pages of memory, not the ${needed} of its descriptor`);
  }
}

function checkExports(section: Reader, { functions, constants }: ModuleParts): void {
  const names = list(section, EXPORTS.length, 'exports', () => {
    const length = section.leb();
    const bytes = Array.from({ length }, () => section.byte());
    const name = String.fromCharCode(...bytes);
    const kind = section.byte();
    const index = section.leb();
    if (!(EXPORTS as readonly string[]).includes(name)) throw new Refusal(`its export ${name} is not one of a model`);
    const isMemory = name === EXPORTS[0];
    const type = functions[index];
    const fits = isMemory ? kind === 2 : kind === 0 && type.parameters.length === 0 && type.result === I32;
    if (!fits) throw new Refusal(`its export ${name} has another type`);
    if (CONSTANT_EXPORTS.includes(name)) constants.add(index);
    return name;
  });
  if (new Set(names).size < names.length) throw new Refusal('two of its exports have one name');
  const missing = REQUIRED_EXPORTS.find((name) => !names.includes(name));
  if (missing) throw new Refusal(`its export ${missing} is missing`);
}
