import { PickleReader } from './pickle-reader.js';

/**
 * A pickle machine that builds plain data and nothing else. Python's own executes: a pickle names any function and calls
 * it. This one knows the opcodes that weights are written with, keeps names as names, and hands every call to `reduce`,
 * which knows a handful of constructors; all else is refused by name. Opcodes: CPython, Lib/pickletools.py.
 */

/** `module.name` as the pickle wrote it. */
export class PyGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** A dict; keys are strings, numbers or anything else, by identity. */
export type PyDict = Map<unknown, unknown>;

/** A tuple or list. */
export type PyList = unknown[];

export interface PickleHost {
  /** The value of `callable(*args)`; throws {@link PickleRefusal} for what is not known. */
  reduce(callable: PyGlobal, args: PyList): unknown;
  /** Gives an object its state; throws for what is not known. */
  build(target: unknown, state: unknown): void;
  /** The object of a persistent id (PyTorch: a storage). */
  persistent(id: unknown): unknown;
  /** Called for every global before anything uses it. */
  allow(name: PyGlobal): void;
}

/** The pickle asks for something that weights do not need. */
export class PickleRefusal extends Error {
  constructor(readonly what: string) {
    super(what);
  }
}

const MAX_STACK = 1_000_000;
const MAX_MARKS = 1000;
const MARK = Symbol('mark');

/** Names of opcodes that are known and refused. */
const REFUSED: Record<number, string> = {
  105: 'INST',
  111: 'OBJ',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  80: 'PERSID',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
  70: 'FLOAT',
  83: 'STRING',
  86: 'UNICODE',
  103: 'GET',
  112: 'PUT',
};

/** Runs one pickle from `start`; `end` is where its STOP lies. Throws `Error` for damaged bytes. */
export function unpickle(bytes: Uint8Array, host: PickleHost, start = 0): { value: unknown; end: number } {
  return new Machine(new PickleReader(bytes, start), host).run();
}

class Machine {
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private marks = 0;

  constructor(
    private readonly reader: PickleReader,
    private readonly host: PickleHost,
  ) {}

  run(): { value: unknown; end: number } {
    for (;;) {
      const opcode = this.reader.byte();
      if (opcode === 0x2e) return { value: this.pop(), end: this.reader.at };
      this.step(opcode);
      if (this.stack.length > MAX_STACK) throw new Error('its stack grows without end');
    }
  }

  private step(opcode: number): void {
    if (this.framing(opcode) || this.calls(opcode) || this.literal(opcode)) return;
    if (this.container(opcode) || this.remember(opcode)) return;
    const name = REFUSED[opcode] ?? `0x${opcode.toString(16).padStart(2, '0')}`;
    throw new PickleRefusal(`the opcode ${name}`);
  }

  /** Opcodes about the pickle and its stack. */
  private framing(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        if (this.reader.byte() > 5) throw new Error('it is of a pickle protocol after 5');
        return true;
      case 0x95: // FRAME
        this.reader.slice(8);
        return true;
      case 0x28: // MARK
        if (++this.marks > MAX_MARKS) throw new Error('it is nested too deeply');
        this.push(MARK);
        return true;
      case 0x30: // POP
        if (this.stack.at(-1) === MARK) this.marks--;
        this.stack.pop();
        return true;
      case 0x31: // POP_MARK
        this.popMark();
        return true;
      case 0x32: // DUP
        this.push(this.top());
        return true;
      default:
        return false;
    }
  }

  /** Opcodes that name things and, in Python, would call them. */
  private calls(opcode: number): boolean {
    switch (opcode) {
      case 0x63: // GLOBAL
        this.pushGlobal(this.reader.line(), this.reader.line());
        return true;
      case 0x93: {
        // STACK_GLOBAL
        const [name, module] = [this.pop(), this.pop()];
        if (typeof module !== 'string' || typeof name !== 'string') {
          throw new Error('it uses something as a name that is no text');
        }
        this.pushGlobal(module, name);
        return true;
      }
      case 0x92: // NEWOBJ_EX: keyword arguments above the others
        this.pop();
        this.reduce();
        return true;
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        this.reduce();
        return true;
      case 0x62: {
        // BUILD
        const state = this.pop();
        this.host.build(this.top(), state);
        return true;
      }
      case 0x51: // BINPERSID
        this.push(this.host.persistent(this.pop()));
        return true;
      default:
        return false;
    }
  }

  private reduce(): void {
    const args = this.asList(this.pop());
    this.push(this.host.reduce(this.asGlobal(this.pop()), args));
  }

  private literal(opcode: number): boolean {
    switch (opcode) {
      case 0x4e: // NONE
        this.push(null);
        return true;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        this.push(opcode === 0x88);
        return true;
      case 0x4a: // BININT
        this.push(this.reader.int32());
        return true;
      case 0x4b: // BININT1
        this.push(this.reader.byte());
        return true;
      case 0x4d: // BININT2
        this.push(this.reader.uint16());
        return true;
      case 0x49: // INT, in text; 00 and 01 are booleans
      case 0x4c: {
        // LONG, in text
        const text = this.reader.line();
        this.push(text === '00' || text === '01' ? text === '01' : Number(text.replace(/L$/, '')));
        return true;
      }
      case 0x8a: // LONG1
        this.push(this.reader.long(this.reader.byte()));
        return true;
      case 0x8b: // LONG4
        this.push(this.reader.long(this.reader.length32()));
        return true;
      case 0x47: // BINFLOAT
        this.push(this.reader.float64());
        return true;
      case 0x8c: // SHORT_BINUNICODE
        this.push(this.reader.text(this.reader.byte()));
        return true;
      case 0x58: // BINUNICODE
        this.push(this.reader.text(this.reader.length32()));
        return true;
      case 0x8d: // BINUNICODE8
        this.push(this.reader.text(this.reader.length64()));
        return true;
      case 0x55: // SHORT_BINSTRING
        this.push(this.reader.text(this.reader.byte()));
        return true;
      case 0x54: // BINSTRING
        this.push(this.reader.text(this.reader.length32()));
        return true;
      case 0x43: // SHORT_BINBYTES
        this.push(this.reader.slice(this.reader.byte()));
        return true;
      case 0x42: // BINBYTES
        this.push(this.reader.slice(this.reader.length32()));
        return true;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.push(this.reader.slice(this.reader.length64()));
        return true;
      default:
        return false;
    }
  }

  private container(opcode: number): boolean {
    switch (opcode) {
      case 0x7d: // EMPTY_DICT
        this.push(new Map());
        return true;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        this.push([]);
        return true;
      case 0x74: // TUPLE
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        this.push(this.popMark());
        return true;
      case 0x64: // DICT
        this.push(this.fill(new Map(), this.popMark()));
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: opcode - 0x84 }, () => this.pop()).reverse();
        this.push(items);
        return true;
      }
      case 0x61: {
        // APPEND
        const item = this.pop();
        this.asList(this.top()).push(item);
        return true;
      }
      case 0x65: // APPENDS
      case 0x90: {
        // ADDITEMS
        const items = this.popMark();
        const list = this.asList(this.top());
        for (const item of items) list.push(item);
        return true;
      }
      case 0x73: {
        // SETITEM
        const [value, key] = [this.pop(), this.pop()];
        this.fill(this.asDict(this.top()), [key, value]);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const items = this.popMark();
        this.fill(this.asDict(this.top()), items);
        return true;
      }
      default:
        return false;
    }
  }

  private remember(opcode: number): boolean {
    switch (opcode) {
      case 0x71: // BINPUT
        this.memo.set(this.reader.byte(), this.top());
        return true;
      case 0x72: // LONG_BINPUT
        this.memo.set(this.reader.length32(), this.top());
        return true;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return true;
      case 0x68: // BINGET
        this.push(this.recall(this.reader.byte()));
        return true;
      case 0x6a: // LONG_BINGET
        this.push(this.recall(this.reader.length32()));
        return true;
      default:
        return false;
    }
  }

  private recall(key: number): unknown {
    if (!this.memo.has(key)) throw new Error('it recalls what it never stored');
    return this.memo.get(key);
  }

  private pushGlobal(module: string, name: string): void {
    const global = new PyGlobal(module, name);
    this.host.allow(global);
    this.push(global);
  }

  private fill(dict: PyDict, items: readonly unknown[]): PyDict {
    for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i], items[i + 1]);
    return dict;
  }

  private asDict(value: unknown): PyDict {
    if (!(value instanceof Map)) throw new Error('it sets items of something that is no dict');
    return value;
  }

  private asGlobal(value: unknown): PyGlobal {
    if (!(value instanceof PyGlobal)) throw new PickleRefusal('a call of something other than a known constructor');
    return value;
  }

  private asList(value: unknown): PyList {
    if (!Array.isArray(value)) throw new Error('it uses something as a list that is none');
    return value;
  }

  private push(value: unknown): void {
    this.stack.push(value);
  }

  private pop(): unknown {
    if (this.stack.length === 0 || this.stack.at(-1) === MARK) throw new Error('its stack is empty');
    return this.stack.pop();
  }

  private top(): unknown {
    if (this.stack.length === 0) throw new Error('its stack is empty');
    return this.stack.at(-1);
  }

  private popMark(): unknown[] {
    const at = this.stack.lastIndexOf(MARK);
    if (at < 0) throw new Error('a mark is missing');
    this.marks--;
    const items = this.stack.splice(at + 1);
    this.stack.pop();
    return items;
  }
}
