import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createProgram } from '../../compiler/commands/main.js';
import { listTargets } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron, randoms, tensor } from '../helpers/models.js';
import { onnxBytes } from '../helpers/onnx-graph.js';
import { documents, type Invocation, invocationsOf } from './documents.js';

/**
 * Every command that stands in a code block of the documents runs as printed, in the order of its document and in a folder of
 * its own, in which small networks lie under the names that it uses. No board hangs on this machine: commands that talk to one end
 * with the sentence that says so.
 */

vi.setConfig({ testTimeout: 240_000 });

const folder = temporaryFolder();
const commandNames = createProgram().commands.map((command) => command.name());

/** A network of x and t with a parameter and a residual. */
function small(name: string): object {
  const json = perceptron([2, 4, 1]) as { inputs: object[]; outputs: object[]; nodes: { inputs: string[] }[] };
  const text = JSON.stringify(json).replaceAll('x0', 'x').replaceAll('x1', 't').replaceAll('"y0"', '"u"');
  return { ...JSON.parse(text), name };
}

/** Levels that go on to the equilibrium of an inflow. */
const tank = {
  format: 'pinn-edge/1',
  name: 'tank',
  inputs: [
    { name: 'h1', min: 0, max: 20 },
    { name: 'h2', min: 0, max: 20 },
    { name: 'u', min: 10, max: 40 },
    { name: 't', min: 0, max: 1 },
  ],
  outputs: ['h1', 'h2'].map((name) => ({ name: `${name}_next`, value: `after_${name}` })),
  state: { h1: 'h1_next', h2: 'h2_next' },
  nodes: [
    { name: 'goal', op: 'scale', inputs: ['u'], scale: [0.5] },
    { name: 'part', op: 'scale', inputs: ['t'], scale: [0.1] },
    ...['h1', 'h2'].flatMap((name) => [
      { name: `way_${name}`, op: 'sub', inputs: ['goal', name] },
      { name: `change_${name}`, op: 'mul', inputs: ['part', `way_${name}`] },
      { name: `after_${name}`, op: 'add', inputs: [name, `change_${name}`] },
    ]),
  ],
};

/** A voltage that falls with the charge that was taken. */
const battery = {
  format: 'pinn-edge/1',
  name: 'battery',
  inputs: [
    { name: 't', min: 0, max: 1800 },
    { name: 'I', min: 0, max: 5 },
    { name: 'Q', min: 3.5, max: 5.25 },
    { name: 'D', min: 0.002, max: 0.006 },
  ],
  outputs: [{ name: 'V', value: 'V' }],
  nodes: [
    { name: 'rate', op: 'div', inputs: ['I', 'Q'] },
    { name: 'taken', op: 'mul', inputs: ['rate', 't'] },
    { name: 'V', op: 'scale', inputs: ['taken'], scale: [-2.2e-4], shift: [3.98] },
  ],
};

/** A temperature with its flux, which the README of heat-rod derives from. */
const rod = {
  format: 'pinn-edge/1',
  name: 'heat-rod',
  inputs: [
    { name: 'x', min: 0, max: 1 },
    { name: 't', min: 0, max: 1 },
    { name: 'alpha', min: 1, max: 2 },
  ],
  outputs: [
    { name: 'T', value: 'T' },
    { name: 'q', value: 'q' },
  ],
  nodes: [
    { name: 'place', op: 'add', inputs: ['x', 't'] },
    { name: 'T', op: 'tanh', inputs: ['place'] },
    { name: 'q', op: 'mul', inputs: ['alpha', 'T'] },
  ],
  physics: { residuals: [{ name: 'energy', expression: 'T_t + q_x' }] },
};

function layOutFiles(): void {
  mkdirSync(join(folder, 'examples', 'heat-rod'), { recursive: true });
  writeFileSync(join(folder, 'examples', 'heat-rod', 'model.json'), JSON.stringify(rod));
  mkdirSync(join(folder, 'examples', 'battery-health'), { recursive: true });
  writeFileSync(join(folder, 'examples', 'battery-health', 'model.json'), JSON.stringify(battery));
  const discharge = join('examples', 'battery-health', 'discharge.csv');
  copyFileSync(join(PACKAGE_ROOT, discharge), join(folder, discharge));
  mkdirSync(join(folder, 'examples', 'tank-step'), { recursive: true });
  writeFileSync(join(folder, 'examples', 'tank-step', 'model.json'), JSON.stringify(tank));
  const physics = {
    parameters: { k: 0.5, nu: 0.05 },
    residuals: [{ name: 'heat', expression: 'u_t - k*u_xx' }],
    conditions: [{ where: 't = -1', expression: 'u - sin(pi*x)' }],
  };
  for (const name of ['burgers', 'front']) {
    mkdirSync(join(folder, 'examples', name), { recursive: true });
    writeFileSync(join(folder, 'examples', name, 'model.json'), JSON.stringify({ ...small(name), physics }));
  }
  writeFileSync(join(folder, 'model.json'), JSON.stringify({ ...small('net'), physics }));
  const next = randoms(3);
  const constants = {
    w1: tensor([2, 4], next),
    b1: tensor([4], next),
    w2: tensor([4, 1], next),
    b2: tensor([1], next),
  };
  const nodes: [string, string, string][] = [
    ['MatMul', 'xt w1', 'a'],
    ['Add', 'a b1', 'b'],
    ['Tanh', 'b', 'c'],
    ['MatMul', 'c w2', 'd'],
    ['Add', 'd b2', 'out'],
  ];
  writeFileSync(join(folder, 'net.onnx'), onnxBytes({ inputs: { xt: [2] }, constants, nodes, outputs: ['out'] }));
  copyFileSync(join(PACKAGE_ROOT, 'test/import/fixtures/mlp.pt'), join(folder, 'checkpoint.pt'));
}

/** What the reader does between two commands. */
const BY_HAND: Record<string, () => void> = {
  'pinn-edge verify build/esp32 --physics': () => {
    // Of a model that has some: not of the one from ONNX.
    if (readFileSync(join(folder, 'build/esp32/reference/model.json'), 'utf8').includes('residuals')) return;
    cli(['build', 'model.json', '--target', 'esp32', '--compress', 'none'], { cwd: folder });
  },
  'pinn-edge verify build/esp32 --baseline': () =>
    copyFileSync(join(folder, 'build/esp32/report.json'), join(folder, 'baseline.json')),
  'pinn-edge import checkpoint.pt --spec spec.json -o model.json': () => {
    const file = join(folder, 'spec.json');
    // "Fill in the ranges": the template has them in comments.
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/ \/\* , ("min": -1, "max": 1).*? \*\//g, ', $1'));
  },
};

const hasTool = (name: string) => spawnSync(name, ['--version']).error === undefined;
const EMULATORS: Record<string, string[]> = {
  'cortex-m4': ['qemu-system-arm', 'arm-none-eabi-gcc'],
  rv32imc: ['qemu-system-riscv32', 'riscv64-unknown-elf-gcc'],
  rp2040: ['arm-none-eabi-gcc'],
  'arduino-uno': ['avr-gcc'],
};

/** Commands of code blocks; those with something left to fill in are no commands yet. */
function printed(): (Invocation & { file: string })[] {
  return documents().flatMap(({ file, lines }) =>
    invocationsOf({ lines, spans: [] }, commandNames)
      .filter(({ text }) => !/\.\.\.|[<[]/.test(text))
      .map((one) => ({ ...one, file })),
  );
}

describe('commands of the documents run as printed', () => {
  let open = '';
  /** Every document begins with nothing but the models. */
  const openDocument = (file: string) => {
    if (file === open) return;
    open = file;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    layOutFiles();
  };

  /** Builds that a document takes for granted. */
  const buildFirst = (words: readonly string[]) => {
    for (const [i, word] of words.entries()) {
      if (words[i - 1] === '-o') continue;
      const [, name] = word.match(/^build\/([\w-]+)$/) ?? [];
      if (!name || existsSync(join(folder, word))) continue;
      const target = listTargets().includes(name) ? name : 'esp32';
      const args = ['build', 'model.json', '--target', target, '--compress', 'none', '-o', word];
      const { code, err } = cli(args, { cwd: folder });
      expect(code, err).toBe(0);
    }
  };

  const commands = printed();

  test('there are some of every kind', () => {
    expect(commands.length).toBeGreaterThan(30);
    expect(new Set(commands.map(({ command }) => command)).size).toBeGreaterThan(10);
  });

  test.each(commands)('$text', ({ file, text, command, words }) => {
    openDocument(file);
    const redirected = words.indexOf('>');
    const args = redirected < 0 ? words : words.slice(0, redirected);
    const on = args.includes('--on') ? args[args.indexOf('--on') + 1] : undefined;
    const missing = on ? EMULATORS[on].filter((tool) => !hasTool(tool)) : [];
    if (missing.length && !process.env.PINN_EDGE_REQUIRE_TOOLS) {
      process.stderr.write(`skipped: ${text} needs ${missing.join(' and ')}; .ci/run installs it\n`);
      return;
    }
    buildFirst(args);
    for (const [start, act] of Object.entries(BY_HAND)) if (text.startsWith(start)) act();
    // Whole firmware goes by a tool that compiles and downloads for minutes: here none is found.
    const full = args.includes('--full');
    const { code, out, err } = cli([command, ...args], { cwd: folder, ...(full && { env: { PATH: folder } }) });
    if (args.includes('--port')) {
      const port = args[args.indexOf('--port') + 1];
      expect(err).toMatch(full ? 'esptool is not installed' : port.replace('tcp:', ''));
      expect(code).toBe(2);
      return;
    }
    expect(code, `${err}\n${out}`).toBe(0);
    if (redirected >= 0) writeFileSync(join(folder, words[redirected + 1]), out);
  });
});
