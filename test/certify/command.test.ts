import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

const folder = temporaryFolder();
const build = join(folder, 'build');
const certificate = join(build, 'certificate.json');

beforeAll(() => {
  writeFileSync(join(folder, 'model.json'), JSON.stringify(perceptron([2, 6, 6, 1], 'tanh', 5)));
  const model = join(folder, 'model.json');
  const { code, err } = cli(['build', model, '--target', 'host', '--engine', 'c', '--compress', 'none', '-o', build]);
  expect(err).not.toMatch(/error|note/);
  expect(code).toBe(0);
}, 120_000);

describe('pinn-edge certify', () => {
  it('proves a bound, writes it into the build, and checks it again', () => {
    const { code, out } = cli(['certify', build, '--tol', '0.1', '--threads', '2']);
    expect(out).toMatch(/y0 <= \S+ proved, \d+\.\d times the \S+ measured/);
    expect(out).toContain('PROVED: tolerance 0.1');
    expect(code).toBe(0);
    const checked = cli(['certify', build, '--check', '--tol', '0.1']);
    expect(checked.out).toMatch(/certificate\.json holds: [\d,]+ boxes cover the input box/);
    expect(checked.code).toBe(0);
  }, 120_000);

  it('gives the same certificate with any number of threads', () => {
    const before = readFileSync(certificate, 'utf8');
    cli(['certify', build, '--threads', '1']);
    expect(readFileSync(certificate, 'utf8')).toBe(before);
  }, 120_000);

  it('fails where the bound exceeds the tolerance', () => {
    const { code, out } = cli(['certify', build, '--check', '--tol', '1e-7', '--json']);
    expect(JSON.parse(out)).toMatchObject({ holds: true, proved: false });
    expect(code).toBe(1);
  }, 120_000);

  it('is printed by verify', () => {
    const { out } = cli(['verify', build]);
    expect(out).toMatch(/y0 {3}proved at every point: <= \S+/);
    expect(JSON.parse(cli(['verify', build, '--json']).out).proved).toHaveLength(1);
  }, 120_000);

  it('refuses a certificate that was altered, and one of a newer format', () => {
    const text = readFileSync(certificate, 'utf8');
    const value = JSON.parse(text);
    value.outputs[0].bound *= 0.99;
    writeFileSync(certificate, JSON.stringify(value));
    const lowered = cli(['certify', build, '--check']);
    expect(lowered.out).toMatch(/is refused: output "y0" may be off by/);
    expect(lowered.code).toBe(1);
    writeFileSync(certificate, JSON.stringify({ ...value, format: 'pinn-edge-certificate/2' }));
    const newer = cli(['certify', build, '--check']);
    expect(newer.err).toMatch(/PE4202.*newer pinn-edge/);
    expect(newer.code).toBe(2);
    writeFileSync(certificate, JSON.stringify({ ...value, tableHash: value.modelHash }));
    expect(cli(['certify', build, '--check']).out).toMatch(/is refused: it is of another block table/);
    const other = cli(['verify', build]);
    expect(other.err).toMatch(/is of another model or table and is left out; make it anew with: pinn-edge certify/);
    expect(other.out).not.toMatch(/proved at every point/);
    rmSync(certificate);
    expect(cli(['certify', build, '--check']).err).toMatch(/PE4202.*there is none; make it with: pinn-edge certify/);
    writeFileSync(certificate, text);
  }, 120_000);

  it('builds with formats that are proved to keep the tolerance', () => {
    const model = join(folder, 'model.json');
    const args = ['build', model, '--target', 'host', '--engine', 'c', '--compress', 'none', '--certify'];
    const certified = join(folder, 'certified');
    const { code, out } = cli([...args, '--tol', '1e-3', '-o', certified]);
    expect(out).toMatch(/certify {3}\d+ % of the tolerance proved at every point/);
    expect(code).toBe(0);
    const checked = cli(['certify', certified, '--check', '--json']);
    expect(JSON.parse(checked.out)).toMatchObject({ holds: true, proved: true });
  }, 240_000);

  it('says what to do with too few boxes, and with what is no build', () => {
    const { code, err } = cli(['certify', folder]);
    expect(err).toMatch(/PE1007/);
    expect(code).toBe(2);
    expect(cli(['certify', build, '--seconds', '0']).err).toMatch(/--seconds/);
  }, 120_000);
});
