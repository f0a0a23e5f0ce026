import { PinnEdgeError } from '../../diagnostics.js';
import { EMPTY_BLOCK, I32, I64, Reader, Refusal } from './reader.js';

/**
 * Refuses a module that is more than WebAssembly 1.0 (MVP) without floats and without imports: that is what wasm3 0.5.0
 * takes when it is built without float support. Section and opcode numbers follow the WebAssembly Core Specification
 * 1.0, section 5 (Binary Format).
 */

const SECTIONS = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
];
const FUNCREF = 0x70;

/** A function that a module may import. */
export interface AllowedImport {
  module: string;
  name: string;
}

/** Throws PE6002 with the first thing that is not plain MVP, or an import other than `allowed`. */
export function requireMvp(wasm: Uint8Array, allowed?: AllowedImport): void {
  try {
    checkModule(wasm, allowed);
  } catch (error) {
    if (error instanceof Refusal) throw new PinnEdgeError('PE6002', { reason: error.message }, 3);
    throw error;
  }
}

function checkModule(wasm: Uint8Array, allowed?: AllowedImport): void {
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (wasm.length < 8 || header.some((byte, i) => wasm[i] !== byte)) throw new Refusal('it has no version-1 header');
  const reader = new Reader(wasm, 8, wasm.length);
  while (!reader.done) {
    const id = reader.byte();
    const name = SECTIONS[id];
    if (name === undefined) throw new Refusal(`it holds section ${id}, which is not in WebAssembly 1.0`);
    const section = reader.sub(reader.leb());
    if (name === 'import') checkImports(section, allowed);
    else if (id !== 0) CHECKS[name]?.(section);
  }
}

const CHECKS: Record<string, (section: Reader) => void> = {
  type: (section) =>
    forEach(section, () => {
      if (section.byte() !== 0x60) throw new Refusal('a type is not a function type');
      forEach(section, () => requireInteger(section.byte(), 'a parameter'));
      const results = section.leb();
      if (results > 1) throw new Refusal('a function returns more than one value');
      for (let i = 0; i < results; i++) requireInteger(section.byte(), 'a result');
    }),
  table: (section) =>
    forEach(section, () => {
      if (section.byte() !== FUNCREF) throw new Refusal('a table holds something other than functions');
      requireLimits(section);
    }),
  memory: (section) => forEach(section, () => requireLimits(section)),
  global: (section) =>
    forEach(section, () => {
      requireInteger(section.byte(), 'a global');
      section.byte();
      checkExpression(section);
    }),
  element: (section) => forEach(section, () => checkSegment(section, () => forEach(section, () => section.leb()))),
  data: (section) => forEach(section, () => checkSegment(section, () => section.skip(section.leb()))),
  code: (section) =>
    forEach(section, () => {
      const body = section.sub(section.leb());
      forEach(body, () => {
        body.leb();
        requireInteger(body.byte(), 'a local');
      });
      checkExpression(body);
      if (!body.done) throw new Refusal('a function body goes on after its end');
    }),
};

const FUNCTION_IMPORT = 0;

function checkImports(section: Reader, allowed?: AllowedImport): void {
  forEach(section, () => {
    const [module, name] = [readName(section), readName(section)];
    const kind = section.byte();
    section.leb();
    const isAllowed = kind === FUNCTION_IMPORT && module === allowed?.module && name === allowed.name;
    if (!isAllowed) throw new Refusal(`it imports ${module}.${name}`);
  });
}

function readName(reader: Reader): string {
  const length = reader.leb();
  return Array.from({ length }, () => String.fromCharCode(reader.byte())).join('');
}

function forEach(reader: Reader, visit: () => void): void {
  for (let n = reader.leb(); n > 0; n--) visit();
}

function requireInteger(type: number, what: string): void {
  if (type !== I32 && type !== I64) throw new Refusal(`${what} has type 0x${type.toString(16)}, not i32 or i64`);
}

function requireLimits(reader: Reader): void {
  const flags = reader.leb();
  if (flags > 1) throw new Refusal(`a memory or table has flags ${flags}`);
  reader.leb();
  if (flags === 1) reader.leb();
}

function checkSegment(reader: Reader, contents: () => void): void {
  if (reader.leb() !== 0) throw new Refusal('a data or element segment is not a plain active one');
  checkExpression(reader);
  contents();
}

/** Opcodes by immediates. Float opcodes and everything after WebAssembly 1.0 are absent, hence refused. */
const PLAIN = opcodes([0x00, 0x01], 0x05, 0x0f, [0x1a, 0x1b], [0x45, 0x5a], [0x67, 0x8a], 0xa7, [0xac, 0xad]);
const BLOCKS = opcodes([0x02, 0x04]);
const ONE_INDEX = opcodes([0x0c, 0x0d], 0x10, [0x20, 0x24]);
const MEMORY = opcodes([0x28, 0x29], [0x2c, 0x37], [0x3a, 0x3e]);
const BR_TABLE = 0x0e;
const CALL_INDIRECT = 0x11;
const END = 0x0b;
const MEMORY_SIZE = 0x3f;
const CONSTANTS = opcodes([0x41, 0x42]);

function opcodes(...ranges: (number | [number, number])[]): Set<number> {
  const set = new Set<number>();
  for (const range of ranges) {
    const [from, to] = typeof range === 'number' ? [range, range] : range;
    for (let opcode = from; opcode <= to; opcode++) set.add(opcode);
  }
  return set;
}

/** One expression up to its final `end`. */
function checkExpression(reader: Reader): void {
  for (let depth = 1; depth > 0; ) {
    const opcode = reader.byte();
    if (opcode === END) depth--;
    else if (BLOCKS.has(opcode)) {
      depth++;
      const type = reader.byte();
      if (type !== EMPTY_BLOCK) requireInteger(type, 'a block');
    } else if (ONE_INDEX.has(opcode) || CONSTANTS.has(opcode)) reader.leb();
    else if (MEMORY.has(opcode)) {
      reader.leb();
      reader.leb();
    } else if (opcode === BR_TABLE) {
      forEach(reader, () => reader.leb());
      reader.leb();
    } else if (opcode === CALL_INDIRECT) {
      reader.leb();
      reader.byte();
    } else if (opcode === MEMORY_SIZE) reader.byte();
    else if (!PLAIN.has(opcode)) throw new Refusal(`it uses opcode 0x${opcode.toString(16)}`);
  }
}
