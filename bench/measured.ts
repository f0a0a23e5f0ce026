import { readFileSync, writeFileSync } from 'node:fs';
import type { Board } from '../compiler/boards/boards.js';
import { cachedFile, keyOf } from '../compiler/boards/cache.js';
import { addRun, type BoardFigures } from '../compiler/boards/figures.js';
import { runFirmware } from '../compiler/boards/run.js';
import { toolVersion } from '../compiler/boards/tools.js';

/** Runs in the emulators are the same every time, so what they showed is kept under the hash of what was run. */
export interface BoardResult {
  figures: BoardFigures;
  /** Rows as the firmware wrote them. */
  rows: Int32Array;
}

const LIMIT_SECONDS = 900;

export function runKept(board: Board, elf: string, inputs: Int32Array): BoardResult {
  const { command } = board.emulator;
  const version = toolVersion(command.split(' ')[0]) ?? '';
  const key = keyOf('run', version, command, readFileSync(elf), new Uint8Array(inputs.buffer));
  const file = cachedFile(key, '.json', (place) => {
    const { printed, rows } = runFirmware(board, elf, inputs, LIMIT_SECONDS);
    writeFileSync(place, JSON.stringify({ figures: addRun(board.name, printed), rows: Array.from(rows) }));
  });
  const { figures, rows } = JSON.parse(readFileSync(file, 'utf8')) as { figures: BoardFigures; rows: number[] };
  return { figures, rows: Int32Array.from(rows) };
}
