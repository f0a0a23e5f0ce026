import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KERNEL_UNITS } from '../../compiler/deliver/package/bare-metal.js';
import { BOARDS } from '../boards/setup.js';
import { temporaryFolder } from '../helpers/cli.js';
import { C99, COMMON, CPP11, compileOrThrow, includes, run, WARNINGS } from '../package/toolchain.js';
import { CORE_SOURCES, MODULE_SOURCES, TABLE_SOURCES, UPDATE_SOURCES } from './fixture.js';

/**
 * The library on a Cortex-M4, in bytes of flash, without and with update agent and signature check: for modules beside
 * wasm3, and for block tables, where it is all there is, with the kernels compiled for speed or for size.
 */
const BUDGETS = [
  { runs: 'modules', sources: [...CORE_SOURCES, ...MODULE_SOURCES], bytes: 8192, withUpdates: 16384 },
  { runs: 'block tables', sources: [...CORE_SOURCES, ...TABLE_SOURCES], bytes: 24832, withUpdates: 33280 },
  {
    runs: 'block tables, small',
    sources: [...CORE_SOURCES, ...TABLE_SOURCES],
    kernels: ['-Os', '-DPE_SMALL_KERNELS'],
    bytes: 12288,
    withUpdates: 20480,
  },
];
/** Of the library for block tables all but its kernels. */
const MAX_BYTES_BESIDE_KERNELS = 4608;

/** Few models have splines; what they take of the library for block tables. */
const WITHOUT_SPLINES = ['-DPE_HAS_SPLINES=0'];
const MAX_SPLINE_BYTES = 1280;

/** Texts are needed on a display only. */
const AGENT_SOURCES = UPDATE_SOURCES.filter((source) => source !== 'pe_update_text.c');

const folder = temporaryFolder();

const CHOSEN = ['cortex-m0', 'cortex-m4', 'rv32imc', 'xtensa'];

describe.each(BOARDS.filter(({ name }) => CHOSEN.includes(name)))('for $name', ({ name, board, isSkipped }) => {
  const it = test.skipIf(isSkipped);
  const { command } = board.compiler;

  const objectOf = (source: string, language: readonly string[], kernels = ['-O3'], more: readonly string[] = []) => {
    const object = join(folder, `${name}-${source}.o`);
    const own = KERNEL_UNITS.includes(source) ? kernels : ['-Os'];
    const flags = [...board.flags, ...language, ...own, ...more, ...WARNINGS, ...includes()];
    compileOrThrow(command, [...flags, '-c', join(COMMON, source), '-o', object]);
    return object;
  };

  it('the update agent and the engine for block tables compile without warnings as C99 and as C++11, and has no variables', () => {
    const all = [...UPDATE_SOURCES, ...TABLE_SOURCES];
    for (const source of all) objectOf(source, CPP11);
    const { stdout } = run(
      command.replace(/gcc$/, 'size'),
      all.map((source) => objectOf(source, C99)),
    );
    for (const line of stdout.trim().split('\n').slice(1))
      expect(line.trim().split(/\s+/).slice(1, 3)).toEqual(['0', '0']);
  });

  const bytes = (sources: readonly string[], kernels?: string[], more = WITHOUT_SPLINES) => {
    const objects = sources.map((source) => objectOf(source, C99, kernels, more));
    const { stdout } = run(command.replace(/gcc$/, 'size'), ['-t', ...objects]);
    const [text, data] = stdout.trim().split('\n').at(-1)!.trim().split(/\s+/).map(Number);
    return text + data;
  };
  const isMeasured = !isSkipped && name === 'cortex-m4';

  test.skipIf(!isMeasured).each(BUDGETS)(
    'the library for $runs is small',
    ({ sources, kernels, bytes: most, withUpdates }) => {
      expect(bytes(sources, kernels)).toBeLessThanOrEqual(most);
      expect(bytes([...sources, ...AGENT_SOURCES], kernels)).toBeLessThanOrEqual(withUpdates);
    },
  );

  test.skipIf(!isMeasured)('splines take little of the library', () => {
    const sources = [...CORE_SOURCES, ...TABLE_SOURCES];
    expect(bytes(sources, undefined, []) - bytes(sources)).toBeLessThanOrEqual(MAX_SPLINE_BYTES);
  });

  test.skipIf(!isMeasured)('what block tables need beside their kernels is smaller', () => {
    const sources = [...CORE_SOURCES, ...TABLE_SOURCES].filter((source) => !KERNEL_UNITS.includes(source));
    expect(bytes(sources)).toBeLessThanOrEqual(MAX_BYTES_BESIDE_KERNELS);
  });
});
