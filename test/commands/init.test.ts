import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

vi.setConfig({ testTimeout: 120_000 });

const folder = temporaryFolder();
writeFileSync(join(folder, 'net.json'), JSON.stringify(perceptron([2, 4, 1])));

test('init makes a project whose scripts build and verify the model', () => {
  const project = join(folder, 'project');
  expect(cli(['init', project, '--model', join(folder, 'net.json'), '--target', 'host']).code).toBe(0);
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['build', 'verify', 'report']) {
    const [program, ...words] = scripts[name].split(' ');
    expect(program).toBe('pinn-edge');
    const { code, err } = cli(words, { cwd: project });
    expect(code, `${name}: ${err}`).toBe(0);
  }
  expect(readFileSync(join(project, '.gitignore'), 'utf8')).toContain('build/');
  const workflow = readFileSync(join(project, '.github/workflows/model.yml'), 'utf8');
  for (const [, name] of workflow.matchAll(/npm run (\w+)/g)) expect(scripts).toHaveProperty(name);
});

test('init keeps what is imported and its ranges', () => {
  const project = join(folder, 'imported');
  const args = [
    '--model',
    join(PACKAGE_ROOT, 'test/import/fixtures/mlp.legacy.onnx'),
    '--input',
    'x=-1:1',
    '--input',
    't=0:1',
  ];
  expect(cli(['init', project, ...args]).code).toBe(0);
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  expect(scripts.build).toBe('pinn-edge build mlp.legacy.onnx --input x=-1:1 --input t=0:1 --target esp32');
  expect(existsSync(join(project, 'mlp.legacy.onnx'))).toBe(true);
});

test('init touches no folder that has something in it, and makes none of a model that is not right', () => {
  const used = join(folder, 'used');
  mkdirSync(used);
  writeFileSync(join(used, 'mine'), '');
  const model = ['--model', join(folder, 'net.json')];
  expect(cli(['init', used, ...model])).toMatchObject({ code: 2, err: expect.stringContaining('is not empty') });
  const fresh = join(folder, 'fresh');
  expect(cli(['init', fresh, '--model', join(folder, 'none.json')]).code).toBe(2);
  expect(cli(['init', fresh, '--model', join(folder, 'none.onnx')]).code).toBe(2);
  expect(cli(['init', fresh, ...model, '--target', 'toaster']).code).toBe(2);
  expect(existsSync(fresh)).toBe(false);
});

test('exporter writes the module, and overwrites no other file', () => {
  const place = join(folder, 'training');
  const source = join(PACKAGE_ROOT, 'python/pinn_edge_export');
  const read = (at: string) =>
    Object.fromEntries(
      readdirSync(at)
        .filter((name) => name.endsWith('.py'))
        .map((name) => [name, readFileSync(join(at, name), 'utf8')]),
    );
  expect(cli(['exporter', '-o', place]).code).toBe(0);
  const written = join(place, 'pinn_edge_export');
  expect(read(written)).toEqual(read(source));
  expect(Object.keys(read(written))).toContain('__init__.py');
  expect(cli(['exporter', '-o', place]).code).toBe(0);
  writeFileSync(join(written, 'model_file.py'), '# mine');
  expect(cli(['exporter', '-o', place])).toMatchObject({ code: 2, err: expect.stringContaining('--force') });
  expect(cli(['exporter', '-o', place, '--force']).code).toBe(0);
  expect(read(written)).toEqual(read(source));
});
