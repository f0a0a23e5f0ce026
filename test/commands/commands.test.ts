import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT, readPackageJson } from '../../compiler/host/package-root.js';
import { CLI, cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

const folder = temporaryFolder();
const model = join(folder, 'mlp.json');
const build = join(folder, 'build');
/** Commands are tested on the network as it is: compression has tests of its own. */
const PLAIN = ['--compress', 'none'];

/** One sentence, the code, no stack trace. */
function expectSentence(result: ReturnType<typeof cli>, code: number, ...parts: string[]): void {
  expect(result.code, result.err).toBe(code);
  expect(result.err).not.toMatch(/\n\s+at /);
  for (const part of parts) expect(result.err).toContain(part);
}

beforeAll(() => {
  const json = perceptron([2, 8, 8, 2]) as Record<string, unknown>;
  json.physics = { exact: { y0: 'x0 + x1' } };
  writeFileSync(model, JSON.stringify(json));
  const result = cli(['build', model, ...PLAIN, '--target', 'esp32', '--tol', '1e-3', '-o', build]);
  expect(result.err).toBe('');
  expect(result.code).toBe(0);
});

describe('pinn-edge build', () => {
  it('writes everything that it promises', () => {
    for (const file of [
      'model.wasm',
      'pinn_model.h',
      'table.bin',
      'table.txt',
      'functions.json',
      'golden.json',
      'report.json',
      'target.json',
      'reference/model.json',
      'assembly/entry.ts',
      'firmware/esp-idf/CMakeLists.txt',
      'firmware/platformio/platformio.ini',
    ]) {
      expect(existsSync(join(build, file)), file).toBe(true);
    }
  });

  it('writes a report that its schema describes', () => {
    const validate = new Ajv2020({ allErrors: true }).compile(
      readPackageJson('compiler/deliver/package/report.schema.json') as object,
    );
    const report = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8'));
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    expect(report.outputs[0].maxRelative).toBeLessThanOrEqual(1e-3);
    expect(report.float32Bytes).toBe(4 * report.parameters);
    expect(report.wasmBytes).toBe(readFileSync(join(build, 'model.wasm')).length);
    expect(report.modelBytes).toBe(readFileSync(join(build, 'table.bin')).length);
  });

  it('is reproducible byte for byte', () => {
    const again = join(folder, 'again');
    cli(['build', model, ...PLAIN, '--target', 'esp32', '--tol', '1e-3', '-o', again]);
    for (const file of readdirSync(build, { recursive: true, encoding: 'utf8' })) {
      if (!/\.\w+$/.test(file) || file.endsWith('.gitkeep')) continue;
      expect(readFileSync(join(again, file)).equals(readFileSync(join(build, file))), file).toBe(true);
    }
  });

  it('gives the same module when its assembly/ is compiled by hand with asconfig.json', async () => {
    const asc = join(PACKAGE_ROOT, 'node_modules/assemblyscript/bin/asc.js');
    const out = join(folder, 'by-hand.wasm');
    const args = [asc, 'entry.ts', '--config', join(PACKAGE_ROOT, 'asconfig.json'), '-o', out];
    const child = spawn(process.execPath, args, { cwd: join(build, 'assembly'), stdio: 'inherit' });
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
    expect(readFileSync(out).equals(readFileSync(join(build, 'model.wasm')))).toBe(true);
  });

  it('replaces an earlier build and nothing else', () => {
    const mine = join(folder, 'mine');
    mkdirSync(mine);
    writeFileSync(join(mine, 'thesis.tex'), 'years of work');
    expectSentence(cli(['build', model, ...PLAIN, '-o', mine]), 2, 'PE1004', 'is not a pinn-edge build');
    expect(readFileSync(join(mine, 'thesis.tex'), 'utf8')).toBe('years of work');
    expect(cli(['build', model, ...PLAIN, '-o', build]).code).toBe(0);
  });

  it('leaves nothing half-written when it is interrupted', async () => {
    const place = join(folder, 'interrupted');
    mkdirSync(place);
    const target = join(place, 'out');
    for (const delay of [300, 700, 1100, 1500, 1900]) {
      const child = spawn(process.execPath, [CLI, 'build', model, ...PLAIN, '-o', target]);
      setTimeout(() => child.kill('SIGINT'), delay);
      await new Promise((resolve) => child.on('exit', resolve));
      // Either nothing, or a build that verifies.
      if (existsSync(target)) expect(cli(['verify', target, '--samples', '64']).code).toBe(0);
      expect(readdirSync(place).filter((name) => name !== 'out')).toEqual([]);
    }
  });

  it.each<[string, string[], number, string[]]>([
    ['an unknown target', ['--target', 'esp23'], 2, ['PE3001', 'esp32']],
    ['a tolerance of zero', ['--tol', '0'], 2, ['PE3002', 'found 0']],
    ['a negative tolerance', ['--tol=-1'], 2, ['PE3002', 'found -1']],
    ['an absolute tolerance of zero', ['--tol-abs', '0'], 2, ['PE3006']],
    ['two tolerances', ['--tol', '1e-3', '--tol-abs', '1e-3'], 2, ['PE3007']],
    ['an unknown precision', ['--precision', '12'], 2, ['PE3003', '12']],
    ['an unreachable tolerance', ['--tol', '1e-12'], 1, ['PE4001', 'try --tol']],
    ['8 bits where they do not do', ['--precision', '8', '--tol', '1e-4'], 1, ['PE4001', '--precision 8', 'try --tol']],
    ['an unknown option', ['--tolerence', '1'], 2, ['--tolerence']],
  ])('refuses %s', (_name, options, code, parts) => {
    expectSentence(cli(['build', model, ...PLAIN, '-o', join(folder, 'refused'), ...options]), code, ...parts);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });

  it('names a tolerance that works when it refuses one', () => {
    const refused = cli(['build', model, ...PLAIN, '-o', join(folder, 'nearest'), '--precision', '8', '--tol', '1e-4']);
    const nearest = /try --tol (\S+)/.exec(refused.err)![1];
    const built = cli(['build', model, ...PLAIN, '-o', join(folder, 'nearest'), '--precision', '8', '--tol', nearest]);
    expect(built.code, built.err).toBe(0);
  });

  it('refuses a folder that cannot be written', () => {
    const locked = join(folder, 'locked');
    writeFileSync(locked, 'a file, not a folder');
    const refused = cli(['build', model, ...PLAIN, '-o', join(locked, 'build')]);
    expectSentence(refused, 2, 'PE1004', 'cannot write');
    // Before any work, that is.
    expect(refused.out).toBe('');
    if (process.getuid?.() === 0) return; // root may write anywhere
    const readOnly = join(folder, 'read-only');
    mkdirSync(readOnly);
    chmodSync(readOnly, 0o500);
    expectSentence(cli(['build', model, ...PLAIN, '-o', join(readOnly, 'build')]), 2, 'PE1004');
  });

  it('refuses a model that the target has no room for, and says what fits', () => {
    const buildFor = (target: string) =>
      cli(['build', model, ...PLAIN, '--for', 'size', '--target', target, '-o', join(folder, 'large'), '--json']);
    const { ramBytes, modelBytes } = JSON.parse(buildFor('esp32').out);
    const excess = Math.floor(modelBytes / 4);
    const own = join(folder, 'tight.json');
    writeFileSync(own, JSON.stringify({ ...loadTarget('esp32'), name: 'tight', ramBlockBytes: ramBytes - excess }));
    const { code, out } = buildFor(own);
    expect(code).toBe(2);
    expect(JSON.parse(out).error).toMatchObject({ code: 'PE4002' });
    // Weights stay in flash there.
    expect(out).toContain(`${excess} too many; with --engine wasm3+native it fits, that was tried`);
  });

  it('prints its report as JSON, and errors as JSON too', () => {
    const result = cli(['build', model, ...PLAIN, '-o', build, '--json']);
    expect(JSON.parse(result.out).format).toBe('pinn-edge-report/1');
    const failed = cli(['build', join(folder, 'none.json'), '--json']);
    expect(JSON.parse(failed.out).error.code).toBe('PE1001');
    expect(failed.code).toBe(2);
  });

  it('keeps an absolute tolerance', () => {
    const place = join(folder, 'absolute');
    expect(cli(['build', model, ...PLAIN, '-o', place, '--tol-abs', '5e-4']).code).toBe(0);
    const result = JSON.parse(cli(['verify', place, '--json']).out);
    expect(result.outputs.every((o: { maxAbsolute: number }) => o.maxAbsolute <= 5e-4)).toBe(true);
    expect(result.tolerance).toEqual({ all: { absolute: 5e-4 } });
  });
});

describe('pinn-edge simulate', () => {
  it('reads CSV from stdin and writes CSV to stdout', () => {
    const result = cli(['simulate', build], { input: 'x1,x0\n0.5,0.25\n-1,1\n' });
    expect(result.code).toBe(0);
    const lines = result.out.trim().split('\n');
    expect(lines[0]).toBe('x0,x1,y0,y1');
    expect(lines[1].startsWith('0.25,0.5,')).toBe(true);
    expect(lines).toHaveLength(3);
  });

  it('gives the same answers on every engine, and the reference nearly so', () => {
    const grid = ['--grid', 'x0=-1:1:9,x1=-1:1:9'];
    const wasm3 = cli(['simulate', build, ...grid]).out;
    expect(cli(['simulate', build, ...grid, '--engine', 'v8']).out).toBe(wasm3);
    expect(cli(['simulate', build, ...grid, '--engine', 'oracle']).out).toBe(wasm3);
    const reference = JSON.parse(cli(['simulate', build, ...grid, '--engine', 'reference', '--json']).out);
    const answers = JSON.parse(cli(['simulate', build, ...grid, '--json']).out);
    expect(answers).toHaveLength(81);
    for (const [i, row] of answers.entries()) expect(row.y0).toBeCloseTo(reference[i].y0, 2);
  });

  it('reads and writes files of either kind', () => {
    const points = join(folder, 'points.json');
    const out = join(folder, 'out', 'answers.csv');
    writeFileSync(points, JSON.stringify([{ x0: 0, x1: 0 }, [0.5, 0.5]]));
    expect(cli(['simulate', build, '--points', points, '-o', out]).code).toBe(0);
    expect(readFileSync(out, 'utf8').trim().split('\n')).toHaveLength(3);
  });

  it('makes grids of the numbers that were meant', () => {
    const { out } = cli(['simulate', build, '--grid', 'x0=-1:1:41,x1=-0.3:0.3:13']);
    const lines = out.trim().split('\n').slice(1);
    const column = (i: number) => [...new Set(lines.map((line) => line.split(',')[i]))];
    expect(column(0)).toEqual(Array.from({ length: 41 }, (_, i) => String((5 * i - 100) / 100)));
    expect(column(1)).toEqual(Array.from({ length: 13 }, (_, i) => String((5 * i - 30) / 100)));
  });

  it('clamps points outside the box and says so', () => {
    const result = cli(['simulate', build], { input: 'x0,x1\n5,0\n1,0\n' });
    expect(result.code).toBe(0);
    expect(result.err).toContain('1 point lies outside the input box');
    const [, outside, edge] = result.out.trim().split('\n');
    expect(outside.split(',').slice(2)).toEqual(edge.split(',').slice(2));
  });

  it.each<[string, string[], string, string[]]>([
    ['missing columns', [], 'x0\n1\n', ['columns are x0', 'expected x0, x1']],
    ['unknown columns', [], 'x0,x1,x7\n1,1,1\n', ['x7']],
    ['a word for a number', [], 'x0,x1\n1,one\n', ['row 2, x1', '"one"']],
    ['a row that is too short', [], 'x0,x1\n1\n', ['standard input']],
    ['nothing', [], '', ['is empty']],
    ['a header only', [], 'x0,x1\n', ['no points']],
    ['JSON that ends early', [], '[{"x0": 1', ['is not JSON']],
    ['a point with too few numbers', [], '[[1]]', ['point 0 has 1 number']],
    ['a grid over an unknown input', ['--grid', 'z=0:1:3'], '', ['no input "z"']],
    ['a grid that leaves an input out', ['--grid', 'x0=0:1:3'], '', ['nothing for x1']],
    ['a grid of half points', ['--grid', 'x0=0:1:2.5,x1=0'], '', ['whole number']],
    ['an endless grid', ['--grid', 'x0=0:1:9999999,x1=0:1:9999'], '', ['points']],
    ['both points and grid', ['--points', 'p.csv', '--grid', 'x0=0'], '', ['not both']],
    ['a missing file', ['--points', 'nowhere.csv'], '', ['nowhere.csv']],
    ['an unknown engine', ['--engine', 'jit', '--grid', 'x0=0,x1=0'], '', ['--engine', 'jit']],
  ])('refuses %s', (_name, options, input, parts) => {
    expectSentence(cli(['simulate', build, ...options], { input }), 2, ...parts);
  });
});

describe('pinn-edge verify', () => {
  it('passes within the tolerance and fails beyond it, with exit codes for CI', () => {
    expect(cli(['verify', build]).code).toBe(0);
    const strict = cli(['verify', build, '--tol', '1e-7']);
    expect(strict.code).toBe(1);
    expect(strict.out).toContain('FAIL');
  });

  it('prints JSON with the promised fields and writes JUnit', () => {
    const junit = join(folder, 'junit.xml');
    const result = JSON.parse(cli(['verify', build, '--json', '--junit', junit, '--samples', '500']).out);
    expect(Object.keys(result)).toEqual(expect.arrayContaining(['pass', 'tolerance', 'engine', 'samples', 'outputs']));
    expect(Object.keys(result.outputs[0])).toEqual(
      expect.arrayContaining(['name', 'maxAbsolute', 'maxRelative', 'relativeL2', 'worstAt']),
    );
    expect(result.exact[0].module.name).toBe('y0');
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain('tests="2"');
    expect(xml).toContain('failures="0"');
  });

  it('looks at points that the build has not seen, and finds about the same error', () => {
    const report = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8'));
    const result = JSON.parse(cli(['verify', build, '--json']).out);
    result.outputs.forEach((output: { maxRelative: number; worstAt: number[] }, k: number) => {
      expect(output.worstAt).not.toEqual(report.outputs[k].worstAt);
      expect(output.maxRelative / report.outputs[k].maxRelative).toBeGreaterThan(0.85);
      expect(output.maxRelative / report.outputs[k].maxRelative).toBeLessThan(1 / 0.85);
    });
  });

  it('runs the kernels in C on builds that they have kernels for, and says of others what to do', () => {
    const run = (...args: string[]) => cli([...args, '--engine', 'c']);
    const [fast, small] = ['speed', 'size'].map((goal) => {
      const place = join(folder, `for-${goal}`);
      const built = cli(['build', model, ...PLAIN, '--for', goal, '-o', place]);
      expect(built.code, built.err).toBe(0);
      return place;
    });
    expect(run('verify', small, '--samples', '64')).toMatchObject({ code: 0, err: '' });
    expectSentence(run('verify', fast, '--samples', '64'), 2, 'PE4502', '--for size');
    expectSentence(run('simulate', fast, '--grid', 'x0=0,x1=0'), 2, 'PE4502');
  });

  it('builds a model file as build does by default, says so, and gives the same figures', () => {
    const net = join(folder, 'net.json');
    writeFileSync(net, JSON.stringify(perceptron([2, 6, 1])));
    const env = { XDG_CACHE_HOME: join(folder, 'cache') };
    const place = join(folder, 'default-build');
    const built = cli(['build', net, '--target', 'esp32', '--tol', '1e-2', '-o', place], { env });
    expect(built.code, built.err).toBe(0);
    const shown = cli(['verify', net, '--tol', '1e-2', '--samples', '256'], { env });
    expect(shown.code, shown.err).toBe(0);
    for (const stage of ['ir', 'compress', 'quantize', 'tables', 'compile'])
      expect(shown.out).toMatch(new RegExp(`^ {2}${stage} .* s$`, 'm'));
    const stages = (out: string) => out.match(/^ {2}(compress|quantize|compile) .*?(?= +\d+\.\d s$)/gm);
    expect(stages(shown.out)).toEqual(stages(built.out));
    const [file, folderOf] = [net, place].map((what) => cli(['verify', what, '--tol', '1e-2', '--json'], { env }));
    expect(file.code, file.err).toBe(0);
    expect(JSON.parse(file.out)).toEqual(JSON.parse(folderOf.out));
  });

  it('measures the module that lies in the build, and refuses one that was exchanged or damaged', () => {
    const damaged = join(folder, 'damaged');
    cli(['build', model, ...PLAIN, '-o', damaged]);
    const wasm = readFileSync(join(damaged, 'model.wasm'));
    const flipped = Buffer.from(wasm);
    flipped[wasm.length - 20] ^= 8;
    writeFileSync(join(damaged, 'model.wasm'), flipped);
    expectSentence(cli(['verify', damaged]), 2, 'PE6003', 'CRC');
    writeFileSync(join(damaged, 'model.wasm'), wasm.subarray(0, 100));
    expectSentence(cli(['verify', damaged]), 2, 'model.wasm');
    writeFileSync(join(damaged, 'model.wasm'), wasm);
    const table = readFileSync(join(damaged, 'table.bin'));
    table[40] ^= 1;
    writeFileSync(join(damaged, 'table.bin'), table);
    expectSentence(cli(['verify', damaged, '--engine', 'oracle']), 2, 'corrupt');
  });

  it('refuses what is no build', () => {
    expectSentence(cli(['verify', join(folder, 'nowhere')]), 2, 'PE1007', 'no such folder');
    expectSentence(cli(['verify', folder]), 2, 'PE1007');
    expectSentence(cli(['simulate', model, '--grid', 'x0=0,x1=0']), 2, 'PE1009', 'is a file', 'pinn-edge build');
    expectSentence(cli(['build', folder]), 2, 'PE1001', 'it is a folder');
    expectSentence(cli(['verify', join(folder, 'none.onnx')]), 2, 'PE1001', 'no such file');
    expectSentence(cli(['verify', build, '--target', 'rp2040']), 2, 'PE3008', '--target', 'already');
    expectSentence(cli(['inspect', build, '--fix', 'x0=1']), 2, 'PE3008', '--fix', 'already');
    expectSentence(cli(['simulate', build, '-o', join(model, 'u.csv')]), 2, 'PE1004', 'is a file');
    expectSentence(cli(['simulate', build, '--points', join(folder, 'none.csv')]), 2, 'PE1001', 'no such file');
    const cut = join(folder, 'cut');
    cpSync(build, cut, { recursive: true });
    writeFileSync(join(cut, 'report.json'), readFileSync(join(build, 'report.json'), 'utf8').slice(0, 100));
    expectSentence(cli(['inspect', cut]), 2, 'PE1007', 'report.json is damaged');
    cpSync(join(build, 'report.json'), join(cut, 'report.json'));
    rmSync(join(cut, 'model.wasm'));
    expectSentence(cli(['verify', cut]), 2, 'PE1001', 'model.wasm', 'no such file');
    expectSentence(cli(['verify', build, '--samples', '3']), 2, '--samples');
  });
});

describe('pinn-edge inspect, targets and help', () => {
  it('show a model and a build', () => {
    expect(cli(['inspect', model]).out).toContain('dense');
    const text = cli(['inspect', build]).out;
    for (const part of ['accumulator bits', 'function tables', 'block table', 'dense']) expect(text).toContain(part);
    expect(JSON.parse(cli(['inspect', model, '--json']).out).parameters).toBe(8 * 3 + 8 * 9 + 2 * 9);
  });

  it('a model that does not fit is refused in a sentence', () => {
    const own = join(folder, 'small.json');
    writeFileSync(own, JSON.stringify({ ...loadTarget('esp32'), name: 'small', ramBytes: 9000, ramBlockBytes: 9000 }));
    expectSentence(
      cli(['build', model, ...PLAIN, '--target', own, '-o', join(folder, 'none')]),
      2,
      'does not fit small: RAM needs',
      'with --engine wasm3+native it fits, that was tried',
    );
    // What the refusal advises.
    const advised = ['--engine', 'wasm3+native', '-o', join(folder, 'small-native')];
    const built = cli(['build', model, ...PLAIN, '--target', own, ...advised]);
    expect(built.code, built.err).toBe(0);
    const constants = { ...loadTarget('esp8266'), name: 'smaller', ramBytes: 9000, ramBlockBytes: 9000 };
    writeFileSync(own, JSON.stringify(constants));
    expectSentence(
      cli(['build', model, ...PLAIN, '--target', own, '-o', join(folder, 'none')]),
      2,
      'RAM, the model included,',
    );
    writeFileSync(own, JSON.stringify({ ...constants, wasm3: { ...constants.wasm3, stackBytes: 256 } }));
    expectSentence(cli(['build', model, ...PLAIN, '--target', own, '-o', join(folder, 'none')]), 2, 'wasm3.stackBytes');
  });

  it('list targets with their limits', () => {
    expect(cli(['targets']).out).toMatch(/esp32 .*flash.*RAM/);
    expect(JSON.parse(cli(['targets', 'esp32', '--json']).out).tailCalls).toBe(false);
    expectSentence(cli(['targets', 'esp33']), 2, 'esp32');
  });

  it.each([[], ['build'], ['simulate'], ['verify'], ['inspect'], ['targets']])(
    'explain themselves: %s --help',
    (...words) => {
      const result = cli([...words, '--help']);
      expect(result.code).toBe(0);
      expect(result.out).toContain('Example');
    },
  );
});
