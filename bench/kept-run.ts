import { readFileSync, writeFileSync } from 'node:fs';
import type { Board } from '../compiler/run/boards/boards.js';
import { cachedFile, keyOf } from '../compiler/run/boards/cache.js';
import { type BoardRun, runFirmware } from '../compiler/run/boards/run.js';
import { toolVersion } from '../compiler/run/boards/tools.js';

/** As `runFirmware`. Runs in the emulators are the same every time, so what they showed is kept by what was run. */
export function runKept(board: Board, elf: string, inputs: Int32Array, limitSeconds: number): BoardRun {
  const { command } = board.emulator;
  const version = toolVersion(command.split(' ')[0]) ?? '';
  const bytes = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  const file = cachedFile(keyOf('emulated', version, command, readFileSync(elf), bytes), '.json', (place) => {
    const { printed, rows } = runFirmware(board, elf, inputs, limitSeconds);
    writeFileSync(place, JSON.stringify({ printed: [...printed], rows: Array.from(rows) }));
  });
  const { printed, rows } = JSON.parse(readFileSync(file, 'utf8')) as { printed: [string, number][]; rows: number[] };
  return { printed: new Map(printed), rows: Int32Array.from(rows) };
}
