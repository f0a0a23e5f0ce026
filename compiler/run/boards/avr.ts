import { readFileSync } from 'node:fs';
import { AVRTimer, AVRUSART, avrInstruction, CPU, timer1Config, usart0Config } from 'avr8js';
import { PinnEdgeError } from '../../diagnostics.js';
import type { Board } from './boards.js';
import { loadableSegments } from './elf.js';
import type { ConsoleRun } from './rp2040.js';

/** An ATmega328P in this process, by avr8js: its USART carries console and files (targets/arduino-uno/bare-metal). */

/** `emulator.command` of a target that this emulates. */
export const AVR8JS = 'avr8js';

const FLASH_BYTES = 32768;
const RAM_BYTES = 2048;
const CLOCK_HZ = 16_000_000;
/** ATmega328P Datasheet, section 31 (register summary): what the firmware and this say to each other. */
const GPIOR0 = 0x3e;
const HAS_FILE = 1;
const OUTPUTS = 4;
const ENDED = 8;
const USART_STATUS = 0xc0;
const RECEIVED = 0x80;
/** Between two looks at the USART and the clock. */
const INSTRUCTIONS_AT_ONCE = 500;

/** @param input the file that the firmware reads; undefined: there is none, and it checks the golden vectors */
export function runAvr(board: Board, elf: string, input: Uint8Array | undefined, limitSeconds: number): ConsoleRun {
  const flash = new Uint8Array(FLASH_BYTES);
  for (const { address, bytes } of loadableSegments(readFileSync(elf))) {
    if (address + bytes.length > FLASH_BYTES) {
      const reason = `its image ends at ${address + bytes.length}, and flash at ${FLASH_BYTES}`;
      throw new PinnEdgeError('PE8003', { board: board.name, reason });
    }
    flash.set(bytes, address);
  }
  const cpu = new CPU(new Uint16Array(flash.buffer), RAM_BYTES);
  new AVRTimer(cpu, timer1Config);
  const usart = new AVRUSART(cpu, usart0Config, CLOCK_HZ);
  const text: number[] = [];
  const output: number[] = [];
  usart.onByteTransmit = (byte) => (cpu.data[GPIOR0] === OUTPUTS ? output : text).push(byte);
  cpu.data[GPIOR0] = input ? HAS_FILE : 0;
  const incoming = input ? [...new Uint8Array(Uint32Array.of(input.length).buffer), ...input] : [];
  let sent = 0;
  const deadline = Date.now() + 1000 * limitSeconds;
  while (cpu.data[GPIOR0] !== ENDED) {
    const isFree = !usart.rxBusy && !(cpu.data[USART_STATUS] & RECEIVED);
    if (isFree && sent < incoming.length && usart.writeByte(incoming[sent])) sent++;
    for (let i = 0; i < INSTRUCTIONS_AT_ONCE && cpu.data[GPIOR0] !== ENDED; i++) {
      avrInstruction(cpu);
      cpu.tick();
    }
    if (Date.now() > deadline) {
      const reason = `it did not end within ${Math.ceil(limitSeconds)} s`;
      throw new PinnEdgeError('PE8003', { board: board.name, reason });
    }
  }
  return { console: Buffer.from(text).toString(), output: Uint8Array.from(output) };
}
