import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import type { Report } from '../../compiler/deliver/package/report.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { readPackageJson } from '../../compiler/host/package-root.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { structuredModel } from './helpers.js';

test('the report of a build gives structure, ranks, bits, bytes and error of every layer, with pictures', async () => {
  const compiled = await compile(structuredModel(), { tolerance: 1e-2, precision: '16' });
  const { files, report } = packageBuild(compiled, loadTarget('host'));
  const validate = new Ajv2020({ strict: false }).compile(
    readPackageJson('compiler/deliver/package/report.schema.json') as object,
  );
  expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  const layer = (name: string) => (report as Report).layers.find((l) => l.name === name)!;
  expect(layer('z2')).toMatchObject({ structure: 'hierarchical', blocks: 5, ranks: [1, 1], rows: 12, cols: 12 });
  expect(layer('z3')).toMatchObject({ structure: 'tensor-train', ranks: [3, 3], denseMacs: 144, macs: 72 });
  expect(layer('z4')).toMatchObject({ structure: 'low-rank', ranks: [2, 2], bits: [16] });
  expect(report.denseMacs).toBe(24 + 3 * 144 + 12);
  expect(report.macs).toBe(report.layers.reduce((n, { macs }) => n + macs, 0));
  expect(report.weightBytes).toBe(report.layers.reduce((n, { bytes }) => n + bytes, 0));
  const errors = report.layers.map(({ error }) => error);
  expect(Math.max(...errors)).toBeGreaterThan(0);
  expect(Math.max(...errors)).toBeLessThan(1e-2);
  const pictures = [...files.keys()].filter((path) => path.endsWith('.svg'));
  expect(pictures).toEqual(['structure/z2.svg', 'structure/z3.svg', 'structure/z4.svg']);
  const svg = files.get('structure/z2.svg') as string;
  expect(svg.match(/<rect /g)).toHaveLength(2 + 5);
  expect(svg).toContain('rows 0 to 5, columns 6 to 11: rank 1');
});

test('compress draws the matrices that it puts into blocks and says what bound it kept', () => {
  const folder = temporaryFolder();
  const model = join(folder, 'net.json');
  writeFileSync(model, JSON.stringify(perceptron([2, 24, 24, 1], 'tanh', 5, 0.7)));
  const options = ['--method', 'hmatrix', '--tol', '1e-2', '--no-refine', '--leaf-size', '4', '--no-cache'];
  const { code, out } = cli([
    'compress',
    model,
    '-o',
    join(folder, 'h.json'),
    '--svg',
    join(folder, 'svg'),
    ...options,
  ]);
  expect(code).toBe(0);
  expect(out).toMatch(/z2 +24 x 24 +(low-rank|hierarchical).*allowed/);
  expect(readFileSync(join(folder, 'svg', 'z2.svg'), 'utf8')).toContain('</svg>');
  expect(out).toContain(join(folder, 'svg', 'z2.svg'));
  const none = ['--method', 'int16', '-o', join(folder, 'i.json'), '--svg', join(folder, 'none'), '--no-cache'];
  expect(cli(['compress', model, ...none]).err).toContain('no picture');
  expect(cli(['compress', model, '--block-rank', '7']).err).toContain('--block-rank must be');
});
