import { PinnEdgeError } from '../diagnostics.js';
import { EXPORTS, MODULE, REQUIRED_EXPORTS } from './limits.js';
import { EMPTY_BLOCK, I32, I64, Reader, Refusal } from './mvp.js';
import { FRAME_CLASSES, type Frames, type Translated, translate } from './translate.js';

/**
 * Which modules a device takes: the check of targets/common/pe_validate.c, made when a module is built. What the two
 * accept is the same (test/fuzz/validate.test.ts), but for the native stack, which the target decides
 * (compiler/cost/native-stack.ts); types of operands are left to the WebAssembly engine here. The
 * limits are those of limits.ts.
 */

/** V8's, which Node's type library leaves out. */
declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

/** For the operations alone. */
const NO_FRAMES = Object.fromEntries(FRAME_CLASSES.map((kind) => [kind, 0])) as Record<keyof Frames, number>;
const NOTHING_NESTS = { frames: NO_FRAMES, operationsPerPage: 1, importChain: 0 };

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

interface FunctionType {
  parameters: number[];
  /** Type of the result; undefined when there is none. */
  result?: number;
}

interface ModuleParts {
  types: FunctionType[];
  hasTable: boolean;
  /** Functions that are not the module's own: 0 or 1. */
  imports: number;
  /** Type of each function, imports first. */
  functions: FunctionType[];
  globals: number;
  /** Of all functions. */
  calls: number;
}

/** Throws PE8401 with the reason why a device would refuse the module with `memoryBytes` of linear memory. */
export function requireDeviceModule(wasm: Uint8Array, memoryBytes: number): void {
  const reason = deviceRefusal(wasm, memoryBytes);
  if (reason) throw new PinnEdgeError('PE8401', { reason }, 3);
}

/** Why a device would refuse the module; undefined when it would take it. */
export function deviceRefusal(wasm: Uint8Array, memoryBytes: number): string | undefined {
  try {
    if (!WebAssembly.validate(wasm)) return 'it is not valid WebAssembly';
    const parts: ModuleParts = { types: [], hasTable: false, imports: 0, functions: [], globals: 0, calls: 0 };
    readSections(wasm, memoryBytes, parts);
    checkWork(translate(wasm, NOTHING_NESTS).functions);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function readSections(wasm: Uint8Array, memoryBytes: number, parts: ModuleParts): void {
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
      list(section, MODULE.MAX_FUNCTIONS, 'functions', (i) =>
        readBody(section.sub(section.leb()), parts.functions[parts.imports + i], parts),
      );
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

function list<T>(reader: Reader, most: number, what: string, read: (index: number) => T): T[] {
  const count = reader.leb();
  requireAtMost(count, most, what);
  return Array.from({ length: count }, (_, i) => read(i));
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

function requireAtMost(count: number, most: number, what: string): void {
  if (count > most) throw new Refusal(`it has ${count} ${what}; a device takes ${most}`);
}

function requireInteger(type: number, what: string): number {
  if (type !== I32 && type !== I64) throw new Refusal(`${what} is not i32 or i64`);
  return type;
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

function checkExports(section: Reader, { functions }: ModuleParts): void {
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
    return name;
  });
  if (new Set(names).size < names.length) throw new Refusal('two of its exports have one name');
  const missing = REQUIRED_EXPORTS.find((name) => !names.includes(name));
  if (missing) throw new Refusal(`its export ${missing} is missing`);
}

/** Opcodes without immediates: [first, last, operands taken, operands given]. */
const SIMPLE: readonly (readonly [number, number, number, number])[] = [
  [0x01, 0x01, 0, 0], // nop
  [0x1a, 0x1a, 1, 0], // drop
  [0x1b, 0x1b, 3, 1], // select
  [0x45, 0x45, 1, 1],
  [0x46, 0x4f, 2, 1],
  [0x50, 0x50, 1, 1],
  [0x51, 0x5a, 2, 1],
  [0x67, 0x69, 1, 1],
  [0x6a, 0x78, 2, 1],
  [0x79, 0x7b, 1, 1],
  [0x7c, 0x8a, 2, 1],
  [0xa7, 0xa7, 1, 1],
  [0xac, 0xad, 1, 1],
];
interface Block {
  opcode: number;
  results: number;
  height: number;
}

/** Walks one body: heights of the operand stack, nesting, calls, and that all code can be reached. */
function readBody(body: Reader, type: FunctionType, parts: ModuleParts): void {
  let locals = type.parameters.length;
  list(body, MODULE.MAX_VALUES, 'groups of locals', () => {
    locals += body.leb();
    requireAtMost(locals, MODULE.MAX_VALUES - 1, 'locals in a function');
    requireInteger(body.byte(), 'a local');
  });
  const blocks: Block[] = [{ opcode: 0x02, results: type.result === undefined ? 0 : 1, height: 0 }];
  let height = 0;
  let reachable = true;
  const requireRoom = () =>
    requireAtMost(locals + height + blocks.length, MODULE.MAX_VALUES - 1, 'locals, operands and open blocks');
  const push = (count: number) => {
    if (count === 0) return;
    requireRoom();
    height += count;
  };
  const open = (opcode: number) => {
    const result = body.byte();
    requireRoom();
    requireAtMost(blocks.length + 1, MODULE.MAX_NESTING, 'blocks in one another');
    blocks.push({ opcode, results: result === EMPTY_BLOCK ? 0 : 1, height });
    if (result !== EMPTY_BLOCK) requireInteger(result, 'a block');
  };
  const jump = () => {
    reachable = false;
  };
  while (blocks.length > 0) {
    const opcode = body.byte();
    const innermost = blocks[blocks.length - 1];
    if (opcode === 0x0b || opcode === 0x05) {
      height = innermost.height;
      reachable = true;
      if (opcode === 0x05) innermost.opcode = opcode;
      else {
        blocks.pop();
        if (blocks.length > 0) push(innermost.results);
      }
      continue;
    }
    if (!reachable) throw new Refusal(`code at byte ${body.at} cannot be reached`);
    const simple = SIMPLE.find(([first, last]) => first <= opcode && opcode <= last);
    if (simple) {
      height -= simple[2];
      push(simple[3]);
    } else if (opcode === 0x00 || opcode === 0x0f) jump();
    else if (opcode === 0x02 || opcode === 0x03) open(opcode);
    else if (opcode === 0x04) {
      height--;
      open(opcode);
    } else if (opcode === 0x0c) {
      body.leb();
      jump();
    } else if (opcode === 0x0d) {
      // Operands of the branch are taken and given back.
      const target = blocks[blocks.length - 1 - body.leb()];
      const results = target.opcode === 0x03 ? 0 : target.results;
      height -= 1 + results;
      push(results);
    } else if (opcode === 0x0e) {
      list(body, MODULE.MAX_TARGETS, 'targets of a branch', () => body.leb());
      body.leb();
      jump();
    } else if (opcode === 0x10) {
      const callee = body.leb();
      parts.calls++;
      height -= parts.functions[callee].parameters.length;
      push(parts.functions[callee].result === undefined ? 0 : 1);
    } else if (opcode === 0x20 || opcode === 0x23) {
      body.leb();
      push(1);
    } else if (opcode === 0x21 || opcode === 0x24) {
      body.leb();
      height--;
    } else if (opcode === 0x22) {
      body.leb();
      height--;
      push(1);
    } else if (isLoad(opcode) || isStore(opcode)) {
      body.leb();
      body.leb();
      height -= isLoad(opcode) ? 1 : 2;
      push(isLoad(opcode) ? 1 : 0);
    } else if (opcode === 0x41 || opcode === 0x42) {
      body.leb();
      push(1);
    } else throw new Refusal(`it uses opcode 0x${opcode.toString(16)}`);
  }
}

function isLoad(opcode: number): boolean {
  return opcode >= 0x28 && opcode <= 0x35 && opcode !== 0x2a && opcode !== 0x2b;
}

function isStore(opcode: number): boolean {
  return opcode >= 0x36 && opcode <= 0x3e && opcode !== 0x38 && opcode !== 0x39;
}

/** No function calls itself, and with what it calls none is too long. */
function checkWork(functions: readonly Translated[]): void {
  const known: (number | 'open')[] = [];
  const measure = (index: number): number => {
    const before = known[index];
    if (before === 'open') throw new Refusal('a function calls itself');
    if (before !== undefined) return before;
    known[index] = 'open';
    const { operations, calls } = functions[index];
    const work = calls.reduce((sum, { callee }) => sum + measure(callee), operations);
    requireAtMost(work, MODULE.MAX_WORK, 'operations in a function with all that it calls');
    known[index] = work;
    return work;
  };
  for (const index of functions.keys()) measure(index);
}
