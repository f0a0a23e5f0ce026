import { readFileSync } from 'node:fs';
import { Simulator } from 'rp2040js';
import { PinnEdgeError } from '../../diagnostics.js';
import type { Board } from './boards.js';
import { loadableSegments } from './elf.js';

/** An RP2040 in this process, by rp2040js: UART0 is the console, UART1 carries the files (targets/rp2040/bare-metal). */

/** `emulator.command` of a target that this emulates. */
export const RP2040JS = 'rp2040js';

const FLASH = 0x10000000;
/** Behind the second-stage boot loader, which the emulator does not need. */
const VECTORS = FLASH + 0x100;
const NANOSECONDS_PER_CYCLE = 8;
/** RP2040 Datasheet, section 4.2.8. */
const UART_FLAGS = 0x18;
const RECEIVER_FULL = 1 << 6;
/** Between two looks at the UARTs and the clock. */
const INSTRUCTIONS_AT_ONCE = 1000;

export interface ConsoleRun {
  console: string;
  /** What the firmware wrote to its file. */
  output: Uint8Array;
}

/** @param input the file that the firmware reads; undefined: there is none, and it checks the golden vectors */
export function runRp2040(board: Board, elf: string, input: Uint8Array | undefined, limitSeconds: number): ConsoleRun {
  const { rp2040, clock } = new Simulator();
  const { core } = rp2040;
  const silent = () => {};
  rp2040.logger = { debug: silent, info: silent, warn: silent, error: silent };
  rp2040.onBreak = () => {
    throw new PinnEdgeError('PE8003', { board: board.name, reason: 'the processor met a breakpoint' });
  };
  for (const { address, bytes } of loadableSegments(readFileSync(elf))) rp2040.flash.set(bytes, address - FLASH);
  core.VTOR = VECTORS;
  core.reset();

  const text: number[] = [];
  const output: number[] = [];
  const [consoleUart, files] = rp2040.uart;
  consoleUart.onByte = (byte) => text.push(byte);
  files.onByte = (byte) => output.push(byte);
  const incoming = input ? [...new Uint8Array(Uint32Array.of(input.length).buffer), ...input] : [];
  let sent = 0;
  const deadline = Date.now() + 1000 * limitSeconds;
  while (!core.waiting) {
    while (sent < incoming.length && !(files.readUint32(UART_FLAGS) & RECEIVER_FULL)) files.feedByte(incoming[sent++]);
    for (let i = 0; i < INSTRUCTIONS_AT_ONCE && !core.waiting; i++) {
      clock.tick(core.executeInstruction() * NANOSECONDS_PER_CYCLE);
    }
    if (Date.now() > deadline) {
      const reason = `it did not end within ${Math.ceil(limitSeconds)} s`;
      throw new PinnEdgeError('PE8003', { board: board.name, reason });
    }
  }
  return { console: Buffer.from(text).toString(), output: Uint8Array.from(output) };
}
