import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { type LoadedBuild, loadBuild, writeBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { createBoardEngine } from '../../compiler/run/boards/board-engine.js';
import { buildFirmware } from '../../compiler/run/boards/board-firmware.js';
import { loadBoard } from '../../compiler/run/boards/boards.js';
import { requireEqual } from '../../compiler/run/boards/compare.js';
import { addRun, parseConsole } from '../../compiler/run/boards/figures.js';
import { runFirmware } from '../../compiler/run/boards/run.js';
import { requireTools } from '../../compiler/run/boards/tools.js';
import { simulate } from '../../compiler/run/simulate.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { smallModel } from '../package/fixture.js';
import { isSkippedWithout } from '../package/toolchain.js';
import { BOARDS } from './setup.js';

/** The runner of the emulated boards on one small model with two outputs. */

const folder = temporaryFolder();
let build: LoadedBuild;

beforeAll(async () => {
  const compiled = await smallModel();
  for (const name of ['esp32', 'cortex-m0', 'rv32imc', 'xtensa']) {
    writeBuild(join(folder, name), packageBuild(compiled, loadTarget(name)).files);
  }
  build = loadBuild(join(folder, 'esp32'));
}, 300_000);

const { board: m4, isSkipped } = BOARDS.find(({ name }) => name === 'cortex-m4')!;
const onM4 = test.skipIf(isSkipped);

function failure(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    if (error instanceof PinnEdgeError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('did not throw');
}

describe('what is missing is said in a sentence', () => {
  test('a compiler, an emulator, both, a C library', () => {
    const compiler = { ...m4.compiler, command: 'no-such-gcc' };
    const emulator = { ...m4.emulator, command: 'no-such-qemu -M x' };
    expect(failure(() => requireTools({ ...m4, compiler }))).toEqual({
      code: 'PE8001',
      message: expect.stringMatching(/^firmware for cortex-m4 needs no-such-gcc .*install gcc-arm-none-eabi /),
    });
    expect(failure(() => requireTools({ ...m4, emulator })).message).toContain('apt-get install');
    const both = failure(() => requireTools({ ...m4, compiler, emulator })).message;
    expect(both).toMatch(/no-such-gcc with its C library and no-such-qemu, .*libnewlib-arm-none-eabi qemu-system-arm$/);
    expect(failure(() => requireTools({ ...m4, flags: ['--specs=none.specs'] })).code).toBe('PE8001');
  });

  test('an unknown board', () => {
    expect(failure(() => loadBoard('cortex-m5'))).toEqual({
      code: 'PE8005',
      message: expect.stringContaining('boards are arduino-uno, cortex-m0, '),
    });
    expect(failure(() => loadBoard('esp32')).message).toMatch(
      /^esp32 cannot be emulated: its target.json has no compiler and emulator; boards are arduino-uno, cortex-m0, /,
    );
  });

  test("a user's board, by its path, whose compiler is not there", () => {
    const own = join(folder, 'own.json');
    const compiler = { ...m4.compiler, command: 'my-gcc', packages: ['my-gcc-package'] };
    writeFileSync(own, JSON.stringify({ ...loadTarget('cortex-m4'), name: 'own', compiler }));
    expect(failure(() => createBoardEngine(loadBoard(own), build)).message).toMatch(
      /^firmware for own needs my-gcc with its C library.*apt-get install my-gcc-package( qemu-system-arm)?$/,
    );
  });
});

describe('what the firmware prints', () => {
  test('a failure is what it said', () => {
    expect(failure(() => parseConsole('b', 'model m\nFAIL open: the heap\nend 1\n')).message).toContain(
      'b stopped: FAIL open: the heap',
    );
    expect(failure(() => parseConsole('b', '')).message).toContain('it said nothing');
    expect(failure(() => parseConsole('b', 'model m\npoints 3\n')).message).toContain('points 3');
    expect(failure(() => addRun('b', parseConsole('b', 'end 0\n'))).message).toContain('did not say its points');
  });

  test('words that differ are named', () => {
    const here = { outputs: Int32Array.from([1, 2, 3, 4]), statuses: [0, 0] };
    const there = { outputs: Int32Array.from([1, 2, 3, 5]), statuses: [0, 0] };
    expect(failure(() => requireEqual(m4, there, here, 2)).message).toContain('word 1 of point 1 is 5 there, 4 here');
    expect(failure(() => requireEqual(m4, { ...here, statuses: [0, 1] }, here, 2)).code).toBe('PE8004');
    expect(failure(() => requireEqual(m4, { outputs: new Int32Array(0), statuses: [] }, here, 2)).code).toBe('PE8004');
  });
});

describe('on an emulated Cortex-M4', () => {
  onM4('many points, extreme and clamped ones too, are answered like the oracle, and counted', () => {
    const engine = createBoardEngine(m4, build);
    const words = Int32Array.from({ length: 2 * 333 }, (_, i) => Math.imul(i, 0x9e3779b1) >> (i % 7));
    words.set([-(2 ** 31), 2 ** 31 - 1], 0);
    const answers = engine.run(words);
    const { outputs, statuses } = createOracle(decodeTable(build.runnable.table)).run(words);
    expect(answers.outputs).toEqual(outputs);
    expect(Array.from(answers.statuses)).toEqual(Array.from(statuses));
    expect(Array.from(statuses)).toContain(1);
    const first = engine.figures();
    expect(first.points).toBe(333);
    expect(engine.run(new Int32Array(0)).outputs).toHaveLength(0);
    engine.run(words.subarray(0, 2));
    expect(engine.figures()).toMatchObject({ points: 334, openInstructions: first.openInstructions });
  });

  onM4('the same run takes the same instructions', () => {
    const [a, b] = [createBoardEngine(m4, build).figures(), createBoardEngine(m4, build).figures()];
    expect(a).toEqual(b);
    // Four corners and 24 points inside.
    expect(a.points).toBe(28);
  });

  onM4('simulate takes it for an engine', async () => {
    const engine = createBoardEngine(m4, build);
    const points = Float64Array.from([0, 0, 0.5, -0.5, 3, 3]);
    const there = await simulate(build, points, { engine });
    const here = await simulate(build, points);
    expect(there).toEqual({ ...here, engine: 'cortex-m4' });
  });

  onM4('a module that is not the model is refused there', () => {
    const report = { ...build.report, identity: 1 };
    const { code, message } = failure(() => createBoardEngine(m4, { ...build, report }).figures());
    expect(code).toBe('PE8003');
    expect(message).toContain('FAIL open: the payload holds another model than its descriptor says');
  });

  onM4('a model that does not fit its RAM is refused', () => {
    const report = { ...build.report, wasm3HeapBytes: 5_000_000 };
    const { message } = failure(() => createBoardEngine(m4, { ...build, report }).figures());
    expect(message).toMatch(/cannot be built: .*RAM/);
  });

  onM4('a header that is not C, and a firmware that hangs', () => {
    expect(failure(() => buildFirmware(m4, '#error "no model"\n')).message).toMatch(/cannot be built: .*no model/);
    const engine = failure(() => runFirmware(m4, join(folder, 'none.elf'), new Int32Array(0), 5));
    expect(engine.code).toBe('PE8003');
    const emulator = { ...m4.emulator, command: 'sleep 60' };
    expect(failure(() => runFirmware({ ...m4, emulator }, '1', new Int32Array(0), 0.2)).message).toContain(
      'did not end within 1 s',
    );
  });

  onM4('the commands print what it took', () => {
    const place = join(folder, 'esp32');
    const grid = ['--grid', 'x0=0:1:3,x1=0.5', '--on', 'cortex-m4'];
    const text = cli(['simulate', place, ...grid]);
    expect(text).toMatchObject({ code: 0, out: cli(['simulate', place, ...grid.slice(0, 2)]).out });
    expect(text.err).toMatch(/cortex-m4, emulated; every word as on the host \(3 points\)\n.*instructions per answer/);
    const json = JSON.parse(cli(['simulate', place, ...grid, '--json']).out);
    expect(json.points).toHaveLength(3);
    expect(json.board).toMatchObject({ board: 'cortex-m4', points: 3 });
    const verified = (...on: string[]) => JSON.parse(cli(['verify', place, '--samples', '16', '--json', ...on]).out);
    const { board, ...there } = verified('--on', 'cortex-m4');
    expect(there).toEqual({ ...verified(), engine: 'cortex-m4' });
    expect(board.points).toBeGreaterThan(there.samples / 2);
    expect(cli(['verify', place, '--on', 'cortex-m4', '--engine', 'v8'])).toMatchObject({ code: 2 });
  });
});

describe('the generated bare-metal project', () => {
  /** In a folder of its own, as a user would. */
  const build = (name: string) => {
    const place = join(folder, name, 'firmware', 'bare-metal');
    const env = { ...process.env, CFLAGS: '-Werror' };
    const configured = spawnSync('cmake', ['-B', 'build'], { cwd: place, encoding: 'utf8', env });
    expect(configured.status, configured.stderr).toBe(0);
    return spawnSync('cmake', ['--build', 'build', '-j2', '--target', 'run'], { cwd: place, encoding: 'utf8' });
  };

  // One board per instruction set.
  for (const { name, isSkipped } of BOARDS.filter(({ name }) => ['cortex-m0', 'rv32imc', 'xtensa'].includes(name))) {
    test.skipIf(isSkipped || isSkippedWithout('cmake'))(
      `${name}: CMake builds it without warnings, and it passes`,
      () => {
        const { stdout, stderr, status } = build(name);
        expect(status, stderr).toBe(0);
        expect(stdout + stderr).toContain('PASS golden vectors, every bit as built');
      },
    );
  }
});
