import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BOARDS } from '../boards/setup.js';
import { C99, COMMON, CPP11, compileOrThrow, includes, run, temporaryFolder, WARNINGS } from '../package/toolchain.js';
import { CORE_SOURCES, MODULE_SOURCES } from './fixture.js';

const LIBRARY_SOURCES = [...CORE_SOURCES, ...MODULE_SOURCES];

/** The library beside wasm3 on a Cortex-M4, in bytes of flash: without and with update agent and signature check. */
const MAX_BYTES = 8192;
const MAX_BYTES_WITH_UPDATES = 16384;

const UPDATE_SOURCES = ['pe_image.c', 'pe_signature.c', 'pe_slots.c', 'pe_runner.c', 'pe_agent.c'];

const folder = temporaryFolder();
afterAll(() => folder.remove());

const CHOSEN = ['cortex-m0', 'cortex-m4', 'rv32imc', 'xtensa'];

describe.each(BOARDS.filter(({ name }) => CHOSEN.includes(name)))('for $name', ({ name, board, isSkipped }) => {
  const it = test.skipIf(isSkipped);
  const { command } = board.compiler;

  const objectOf = (source: string, language: readonly string[]) => {
    const object = join(folder.path, `${name}-${source}.o`);
    const flags = [...board.flags, ...language, '-Os', ...WARNINGS, ...includes()];
    compileOrThrow(command, [...flags, '-c', join(COMMON, source), '-o', object]);
    return object;
  };

  it('the update agent compiles without warnings as C99 and as C++11, and has no variables', () => {
    const all = [...UPDATE_SOURCES, 'pe_update_text.c'];
    for (const source of all) objectOf(source, CPP11);
    const { stdout } = run(
      command.replace(/gcc$/, 'size'),
      all.map((source) => objectOf(source, C99)),
    );
    for (const line of stdout.trim().split('\n').slice(1))
      expect(line.trim().split(/\s+/).slice(1, 3)).toEqual(['0', '0']);
  });

  test.skipIf(isSkipped || name !== 'cortex-m4')('the library is small', () => {
    const bytes = (sources: readonly string[]) => {
      const { stdout } = run(command.replace(/gcc$/, 'size'), [
        '-t',
        ...sources.map((source) => objectOf(source, C99)),
      ]);
      const [text, data] = stdout.trim().split('\n').at(-1)!.trim().split(/\s+/).map(Number);
      return text + data;
    };
    expect(bytes(LIBRARY_SOURCES)).toBeLessThanOrEqual(MAX_BYTES);
    expect(bytes([...LIBRARY_SOURCES, ...UPDATE_SOURCES])).toBeLessThanOrEqual(MAX_BYTES_WITH_UPDATES);
  });
});
