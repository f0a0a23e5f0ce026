import { type Module, parseModule } from './module.js';
import { EMPTY_BLOCK, type Reader } from './reader.js';

/**
 * The operations that wasm3 0.5.0 makes of a module, and how they nest on the native stack; in step with
 * targets/common/pe_check_stack.c and pe_check_code.c, where it is said what is counted and why
 * (test/fuzz/stack.test.ts compares the two). For modules that passed device.ts.
 */

/** Operations with frames of about one size; `block` is what translating one more block in another one takes. */
export const FRAME_CLASSES = [
  'move',
  'int32',
  'int64',
  'load',
  'store',
  'branch',
  'loop',
  'entry',
  'call',
  'block',
] as const;
export type FrameClass = (typeof FRAME_CLASSES)[number];

/** Native stack per operation of each class, in any unit; zero for what does not nest. */
export type Frames = Readonly<Record<FrameClass, number>>;

/** Places of wasm3's table of constants that are sure to be there. */
const CONSTANT_PLACES = 112;

export interface Translated {
  /** Operations, at most. */
  operations: number;
  /** The longest chain inside the function. */
  chain: number;
  /** What it calls, and the chain there. */
  calls: { callee: number; chain: number }[];
}

export interface Translation {
  /** Imports included, which come first. */
  functions: Translated[];
  /** Blocks in one another, at most, without the body. */
  deepest: number;
  /** Functions that are exported, by their names. */
  exports: ReadonlyMap<string, number>;
}

/** How a chip's wasm3 is set. */
export interface TranslationSettings {
  frames: Frames;
  /** Operations that one page of translated code holds, at least. */
  operationsPerPage: number;
  /** Chain of a function that the firmware brings. */
  importChain: number;
}

/** What wasm3 makes of every function, for a chip whose wasm3 is set so. */
export function translate(wasm: Uint8Array, settings: TranslationSettings): Translation {
  const module = parseModule(wasm);
  const functions: Translated[] = Array.from({ length: module.imports }, () => ({
    operations: 1,
    chain: settings.importChain,
    calls: [],
  }));
  let deepest = 0;
  module.bodies.forEach((body, i) => {
    const walk = new BodyWalk(module, settings);
    functions.push(walk.run(body, module.functions[module.imports + i]));
    deepest = Math.max(deepest, walk.deepest);
  });
  return { functions, deepest, exports: module.exports };
}

interface Block {
  opcode: number;
  results: number;
  height: number;
  /** The longest chain on which its end is reached. */
  chain: number;
}

class BodyWalk {
  deepest = 0;
  private operations = 0;
  private chain = 0;
  private longest = 0;
  private constants = 0;
  /** Operand that wasm3 holds in its register, from 1; 0: none. */
  private inRegister = 0;
  private height = 0;
  private reachable = true;
  private readonly blocks: Block[] = [];
  private readonly calls: { callee: number; chain: number }[] = [];

  constructor(
    private readonly module: Module,
    private readonly settings: TranslationSettings,
  ) {}

  run(body: Reader, type: number): Translated {
    for (let n = body.leb(); n > 0; n--) {
      body.leb();
      body.byte();
    }
    this.add('entry');
    this.add('move');
    this.open(0x02, this.module.types[type].results);
    while (this.blocks.length > 0) this.instruction(body);
    this.add('branch');
    const { frames, operationsPerPage } = this.settings;
    const pages = (Math.floor(this.operations / operationsPerPage) + 1) * frames.branch;
    const calls = this.calls.map(({ callee, chain }) => ({ callee, chain: chain + pages }));
    return { operations: this.operations, chain: this.longest + pages, calls };
  }

  private add(kind: FrameClass, times = 1): void {
    this.operations += times;
    this.chain += times * this.settings.frames[kind];
    this.longest = Math.max(this.longest, this.chain);
  }

  private push(count = 1): void {
    this.height += count;
  }

  private pushRegister(): void {
    this.push();
    this.inRegister = this.height;
  }

  private pop(count = 1): void {
    this.height -= count;
    if (this.inRegister > this.height) this.inRegister = 0;
  }

  private spill(): void {
    if (this.inRegister === 0) return;
    this.add('move');
    this.inRegister = 0;
  }

  private open(opcode: number, results: number): void {
    this.blocks.push({ opcode, results, height: this.height, chain: this.chain });
    this.deepest = Math.max(this.deepest, this.blocks.length - 1);
  }

  private reach(block: Block): void {
    block.chain = Math.max(block.chain, this.chain);
  }

  /** A jump with results, or a return. */
  private jump(results: number): void {
    if (results) this.add('move');
    this.add('branch');
  }

  private label(body: Reader): Block {
    return this.blocks[this.blocks.length - 1 - body.leb()];
  }

  /** The end of the innermost block's code, or of its first half. */
  private endOfCode(): boolean {
    const block = this.blocks[this.blocks.length - 1];
    const reached = this.reachable;
    if (reached && block.results) this.add('move');
    this.pop(this.height - block.height);
    this.reachable = true;
    return reached;
  }

  private startBlock(opcode: number, body: Reader): void {
    const copies = this.height - (this.inRegister ? 1 : 0);
    if (opcode === 0x04) this.pop();
    this.spill();
    this.add('move', copies);
    if (opcode === 0x03) this.add('loop');
    if (opcode === 0x04) this.add('branch');
    this.open(opcode, body.byte() === EMPTY_BLOCK ? 0 : 1);
  }

  private branchIf(body: Reader): void {
    const isInRegister = this.inRegister === this.height;
    this.pop();
    const block = this.label(body);
    const isLoop = block.opcode === 0x03;
    if (isLoop && !isInRegister) {
      this.spill();
      this.add('move');
    }
    this.add('branch');
    const results = isLoop ? 0 : block.results;
    if (results || block === this.blocks[0]) this.jump(results);
    this.reach(block);
  }

  private branchTable(body: Reader): void {
    this.spill();
    this.pop();
    const targets = 1 + body.leb();
    this.operations += 2 * targets;
    this.add('branch', 3);
    for (let i = 0; i < targets; i++) {
      const block = this.label(body);
      if (i === 0) this.jump(block.opcode === 0x03 ? 0 : block.results);
      this.reach(block);
    }
    this.reachable = false;
  }

  private instruction(body: Reader): void {
    const opcode = body.byte();
    switch (opcode) {
      case 0x00: // unreachable
        this.add('branch');
        this.reachable = false;
        return;
      case 0x01: // nop
        return;
      case 0x02:
      case 0x03:
      case 0x04:
        this.startBlock(opcode, body);
        return;
      case 0x05: {
        // else
        const reached = this.endOfCode();
        const block = this.blocks[this.blocks.length - 1];
        const { chain } = block;
        if (reached) this.reach(block);
        block.opcode = opcode;
        this.chain = chain;
        this.add('branch', 2);
        return;
      }
      case 0x0b: {
        // end
        const reached = this.endOfCode();
        const block = this.blocks.pop()!;
        if (reached) this.reach(block);
        this.chain = block.chain;
        this.push(block.results);
        return;
      }
      case 0x0c: {
        // br
        const block = this.label(body);
        this.jump(block.opcode === 0x03 ? 0 : block.results);
        this.reach(block);
        this.reachable = false;
        return;
      }
      case 0x0d:
        this.branchIf(body);
        return;
      case 0x0e:
        this.branchTable(body);
        return;
      case 0x0f: // return
        this.jump(this.blocks[0].results);
        this.reachable = false;
        return;
      case 0x10: {
        // call
        const callee = body.leb();
        const { params, results } = this.module.types[this.module.functions[callee]];
        this.add('move', params);
        this.add('call');
        this.calls.push({ callee, chain: this.chain });
        this.pop(params);
        this.push(results);
        return;
      }
      case 0x1a: // drop
        this.pop();
        return;
      case 0x1b: // select
        this.operate('branch', 3);
        return;
      case 0x20: // local.get
        body.leb();
        this.push();
        return;
      case 0x21: // local.set
        body.leb();
        this.pop();
        this.add('move');
        return;
      case 0x22: // local.tee
        body.leb();
        this.add('move');
        return;
      case 0x23: // global.get
        body.leb();
        this.add('move');
        this.push();
        return;
      case 0x24: // global.set
        body.leb();
        this.add('move');
        this.pop();
        return;
      case 0x41:
      case 0x42: // constants
        body.leb();
        this.constants += opcode === 0x42 ? 2 : 1;
        if (this.constants > CONSTANT_PLACES) this.add('move');
        this.push();
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

  /** An operation with operands, which leaves its result in the register. */
  private operate(kind: FrameClass, operands: number, hasResult = true): void {
    this.pop(operands);
    this.spill();
    this.add(kind);
    if (hasResult) this.pushRegister();
  }
}

/** Integer comparisons and arithmetic of WebAssembly 1.0, section 5.4.5 (numeric instructions). */
function arithmetic(opcode: number): { kind: FrameClass; operands: number } {
  const unary = [0x45, 0x50, 0x67, 0x68, 0x69, 0x79, 0x7a, 0x7b, 0xa7, 0xac, 0xad].includes(opcode);
  const narrow = (opcode >= 0x45 && opcode <= 0x4f) || (opcode >= 0x67 && opcode <= 0x78);
  return { kind: narrow ? 'int32' : 'int64', operands: unary ? 1 : 2 };
}
