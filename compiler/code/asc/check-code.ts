import { type FunctionType, list, type ModuleParts, requireAtMost, requireInteger } from './check-read.js';
import { MODULE } from './limits.js';
import { EMPTY_BLOCK, type Reader, Refusal } from './reader.js';

/** The check of a module's code (targets/common/pe_check_code.c). */

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
export function readBody(body: Reader, type: FunctionType, parts: ModuleParts): void {
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
