import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PinnEdgeError } from '../../diagnostics.js';
import { holdSignals } from '../../host/signals.js';
import { AVR8JS, runAvr } from './avr.js';
import type { Board } from './boards.js';
import { type Printed, parseConsole } from './figures.js';
import { type ConsoleRun, RP2040JS, runRp2040 } from './rp2040.js';

type InProcess = (board: Board, elf: string, input: Uint8Array | undefined, limitSeconds: number) => ConsoleRun;

/** Emulators that are part of pinn-edge, by the command that names them. */
const IN_PROCESS: Readonly<Record<string, InProcess>> = { [RP2040JS]: runRp2040, [AVR8JS]: runAvr };

/** Whether a board's emulator comes with pinn-edge: it needs no program. */
export function isEmulatedInProcess({ emulator }: Board): boolean {
  return Object.hasOwn(IN_PROCESS, emulator.command);
}

/** The longest that Node can wait: 24 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export interface BoardRun {
  printed: Printed;
  /** Row-major [points x (1 + outputs)]: the result of pe_run_words and the output words. */
  rows: Int32Array;
}

/**
 * Runs firmware in the board's emulator, which reads the input words from a file and writes the output words to one, so
 * that points need no room on the board.
 *
 * @param inputs row-major [points x inputs]
 * @param limitSeconds the emulator is stopped after that time
 */
export function runFirmware(board: Board, elf: string, inputs: Int32Array, limitSeconds: number): BoardRun {
  const inProcess = IN_PROCESS[board.emulator.command];
  if (inProcess) {
    const run = inProcess(board, elf, littleEndian(inputs), limitSeconds);
    return { printed: parseConsole(board.name, run.console), rows: words(run.output) };
  }
  holdSignals();
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-board-'));
  try {
    writeFileSync(join(folder, 'inputs.bin'), littleEndian(inputs));
    const [program, ...args] = board.emulator.command.split(' ');
    const { stdout, stderr, error } = spawnSync(program, [...args, elf], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: Math.min(MAX_TIMEOUT_MS, Math.ceil(limitSeconds * 1000)),
      killSignal: 'SIGKILL',
    });
    if (error) {
      const isLate = (error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
      const reason = isLate ? `it did not end within ${Math.ceil(limitSeconds)} s` : error.message;
      throw new PinnEdgeError('PE8003', { board: board.name, reason });
    }
    // The emulators print the console to either.
    const printed = parseConsole(board.name, `${stdout}\n${stderr}`);
    return { printed, rows: words(readFileSync(join(folder, 'outputs.bin'))) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function littleEndian(values: Int32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setInt32(4 * i, values[i], true);
  return bytes;
}

function words(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getInt32(4 * i, true));
}
