import { EMPTY_BLOCK, Reader } from '../asc/mvp.js';

/**
 * The longest chain of interpreter operations that nest on the native stack where the C compiler makes no tail calls.
 *
 * There every operation of wasm3 calls the next one, and native frames pile up until the loop's operation is returned to
 * (a branch back) or the function returns. The chain is the longest path through a function's forward branches, in
 * operations as wasm3 0.5.0 emits them (m3_compile.c): one value at most is in its register; a second one that needs it
 * moves the first to a slot, which is an operation of its own. A called function's chain lies on top of its caller's.
 */

/** Operations with frames of about one size. */
export const FRAME_CLASSES = ['move', 'int32', 'int64', 'load', 'store', 'branch', 'loop', 'call'] as const;
export type FrameClass = (typeof FRAME_CLASSES)[number];

/** Bytes of native stack per operation of each class; zero for all but loops and calls where there are tail calls. */
export type Frames = Readonly<Record<FrameClass, number>>;

export interface ChainLength {
  /** Operations that nest, at most. */
  operations: number;
  /** Their frames, in bytes. */
  bytes: number;
}

interface FunctionType {
  params: number;
  results: number;
}

interface Module {
  types: FunctionType[];
  /** Type index of each function. */
  functions: number[];
  exports: Map<string, number>;
  bodies: Reader[];
  imports: number;
}

/** The chain of the first function of these names that is exported, with everything that it calls. */
export function longestChain(wasm: Uint8Array, names: readonly string[], frames: Frames): ChainLength {
  const module = parse(wasm);
  const known = new Map<number, ChainLength>();
  const of = (index: number): ChainLength => {
    if (index < module.imports) return { operations: 0, bytes: 0 };
    let length = known.get(index);
    if (!length) {
      // A recursive call would have no bound; generated modules have none.
      known.set(index, { operations: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY });
      length = new FunctionWalk(module, frames, of).run(index);
      known.set(index, length);
    }
    return length;
  };
  const index = names.map((name) => module.exports.get(name)).find((found) => found !== undefined);
  if (index === undefined) throw new Error(`the module exports none of ${names.join(', ')}`);
  return of(index);
}

function parse(wasm: Uint8Array): Module {
  const module: Module = { types: [], functions: [], exports: new Map(), bodies: [], imports: 0 };
  const reader = new Reader(wasm, 8, wasm.length);
  const each = (section: Reader, visit: () => void) => {
    for (let n = section.leb(); n > 0; n--) visit();
  };
  const count = (section: Reader) => {
    const n = section.leb();
    section.skip(n);
    return n;
  };
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.sub(reader.leb());
    if (id === 1) {
      each(section, () => {
        section.byte();
        module.types.push({ params: count(section), results: count(section) });
      });
    } else if (id === 2) {
      each(section, () => {
        section.skip(section.leb());
        section.skip(section.leb());
        section.byte();
        module.functions.push(section.leb());
        module.imports++;
      });
    } else if (id === 3) each(section, () => module.functions.push(section.leb()));
    else if (id === 7) {
      each(section, () => {
        const name = Array.from({ length: section.leb() }, () => String.fromCharCode(section.byte())).join('');
        const kind = section.byte();
        const index = section.leb();
        if (kind === 0) module.exports.set(name, index);
      });
    } else if (id === 10) each(section, () => module.bodies.push(section.sub(section.leb())));
  }
  return module;
}

/** A value on the operand stack: in the interpreter's register, or somewhere that costs nothing to read. */
type Operand = 'register' | 'slot';

/** An open block: where branches to it go on, and how long the chain is by then. */
interface Label {
  isLoop: boolean;
  results: number;
  /** Longest chain of a branch that leaves to its end; absent while nothing gets there. */
  end?: ChainLength;
  /** An `if` whose `else` has not come: its end is reached from its beginning as well. */
  skips: boolean;
  /** Chain and stack where an `if` began, for its `else`. */
  start: ChainLength;
  height: number;
  /** Code after an unconditional branch is not executed. */
  dead: boolean;
}

const NONE: ChainLength = { operations: 0, bytes: 0 };

class FunctionWalk {
  private now: ChainLength = NONE;
  private longest: ChainLength = NONE;
  private stack: Operand[] = [];
  private labels: Label[] = [];
  private dead = false;

  constructor(
    private readonly module: Module,
    private readonly frames: Frames,
    private readonly callee: (index: number) => ChainLength,
  ) {}

  run(index: number): ChainLength {
    const body = this.module.bodies[index - this.module.imports];
    for (let n = body.leb(); n > 0; n--) {
      body.leb();
      body.byte();
    }
    this.emit('call');
    const { results } = this.module.types[this.module.functions[index]];
    this.open(false, results);
    while (this.labels.length > 0) this.instruction(body);
    return this.longest;
  }

  private emit(kind: FrameClass, times = 1): void {
    if (this.dead) return;
    const { operations, bytes } = this.now;
    this.now = { operations: operations + times, bytes: bytes + times * this.frames[kind] };
    this.longest = longer(this.longest, this.now);
  }

  private open(isLoop: boolean, results: number, skips = false): void {
    const { now: start, dead } = this;
    this.labels.push({ isLoop, results, skips, start, height: this.stack.length, dead });
  }

  private pop(): Operand {
    const { height } = this.labels[this.labels.length - 1];
    return this.stack.length > height ? this.stack.pop()! : 'slot';
  }

  /** The value in the register, if another operation needs it, moves to a slot. */
  private freeRegister(): void {
    const at = this.stack.lastIndexOf('register');
    if (at < 0) return;
    this.emit('move');
    this.stack[at] = 'slot';
  }

  /** An operation with operands that leaves its result in the register. */
  private operate(kind: FrameClass, operands: number, hasResult = true): void {
    for (let i = 0; i < operands; i++) this.pop();
    if (hasResult) this.freeRegister();
    this.emit(kind);
    if (hasResult) this.stack.push('register');
  }

  /** Results of a block are moved to where its end expects them. */
  private moveResults(count: number): void {
    if (count > 0) this.emit('move', count);
  }

  private branchTo(depth: number): void {
    const label = this.labels[this.labels.length - 1 - depth];
    if (!label.isLoop) this.reachEnd(label);
  }

  private reachEnd(label: Label): void {
    if (!this.dead) label.end = longer(label.end ?? NONE, this.now);
  }

  private instruction(body: Reader): void {
    const opcode = body.byte();
    switch (opcode) {
      case 0x00:
        this.emit('branch');
        this.dead = true;
        return;
      case 0x01:
        return;
      case 0x02:
      case 0x03:
      case 0x04: {
        const results = body.byte() === EMPTY_BLOCK ? 0 : 1;
        if (opcode === 0x04) this.pop();
        this.freeRegister();
        // Locals on the operand stack are copied before a block may change them.
        this.emit('move', Math.min(2, this.stack.length));
        if (opcode === 0x03) this.emit('loop');
        if (opcode === 0x04) this.emit('branch');
        this.open(opcode === 0x03, results, opcode === 0x04);
        return;
      }
      case 0x05: {
        const label = this.labels[this.labels.length - 1];
        this.moveResults(label.results);
        this.emit('branch');
        this.reachEnd(label);
        label.skips = false;
        this.now = label.start;
        this.dead = label.dead;
        this.stack.length = label.height;
        return;
      }
      case 0x0b: {
        const label = this.labels.pop()!;
        this.moveResults(label.results);
        this.reachEnd(label);
        if (label.skips && !label.dead) label.end = longer(label.end ?? NONE, label.start);
        this.dead = label.end === undefined;
        this.now = label.end ?? label.start;
        this.stack.length = label.height;
        for (let i = 0; i < label.results; i++) this.stack.push('register');
        if (this.labels.length === 0) this.emit('branch');
        return;
      }
      case 0x0c:
        this.moveResults(this.labels[this.labels.length - 1 - this.peek(body)].results);
        this.emit('branch');
        this.branchTo(body.leb());
        this.dead = true;
        return;
      case 0x0d:
        this.pop();
        this.emit('branch');
        this.branchTo(body.leb());
        return;
      case 0x0e: {
        this.pop();
        this.freeRegister();
        this.emit('branch', 2);
        for (let n = body.leb(); n >= 0; n--) this.branchTo(body.leb());
        this.dead = true;
        return;
      }
      case 0x0f:
        this.emit('move');
        this.emit('branch');
        this.dead = true;
        return;
      case 0x10: {
        const index = body.leb();
        const { params, results } = this.module.types[this.module.functions[index]];
        for (let i = 0; i < params; i++) this.pop();
        this.freeRegister();
        this.emit('move', params);
        this.emit('call');
        const inner = this.callee(index);
        const here = this.now;
        const sum = { operations: here.operations + inner.operations, bytes: here.bytes + inner.bytes };
        if (!this.dead) this.longest = longer(this.longest, sum);
        for (let i = 0; i < results; i++) this.stack.push('slot');
        return;
      }
      case 0x1a:
        this.pop();
        return;
      case 0x1b:
        this.emit('move');
        this.operate('branch', 3);
        return;
      case 0x20:
        body.leb();
        this.stack.push('slot');
        return;
      case 0x21:
      case 0x22: {
        body.leb();
        this.pop();
        // One for the value, one more where an older value of the local is still on the operand stack.
        this.emit('move', this.stack.length > this.labels[this.labels.length - 1].height ? 2 : 1);
        if (opcode === 0x22) this.stack.push('slot');
        return;
      }
      case 0x23:
        body.leb();
        this.operate('move', 0);
        return;
      case 0x24:
        body.leb();
        this.operate('move', 1, false);
        return;
      case 0x3f:
        body.byte();
        this.operate('move', 0);
        return;
      case 0x41:
      case 0x42:
        body.leb();
        this.stack.push('slot');
        return;
    }
    if (opcode >= 0x28 && opcode <= 0x3e) {
      body.leb();
      body.leb();
      if (opcode < 0x36) this.operate('load', 1);
      else this.operate('store', 2, false);
      return;
    }
    const { kind, operands } = arithmetic(opcode);
    this.operate(kind, operands);
  }

  /** The LEB128 at the reader, without moving on. */
  private peek(body: Reader): number {
    const { at } = body;
    const value = body.leb();
    body.at = at;
    return value;
  }
}

function longer(a: ChainLength, b: ChainLength): ChainLength {
  return { operations: Math.max(a.operations, b.operations), bytes: Math.max(a.bytes, b.bytes) };
}

/** Integer comparisons and arithmetic of WebAssembly 1.0, section 5.4.5 (numeric instructions). */
function arithmetic(opcode: number): { kind: FrameClass; operands: number } {
  const unary = [0x45, 0x50, 0x67, 0x68, 0x69, 0x79, 0x7a, 0x7b, 0xa7, 0xac, 0xad].includes(opcode);
  const narrow = (opcode >= 0x45 && opcode <= 0x4f) || (opcode >= 0x67 && opcode <= 0x78) || opcode === 0xa7;
  return { kind: narrow ? 'int32' : 'int64', operands: unary ? 1 : 2 };
}
