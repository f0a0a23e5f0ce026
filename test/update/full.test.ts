import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fullFlash } from '../../compiler/deliver/device/full.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

const folder = temporaryFolder();
const build = join(folder, 'build');
const image = join(build, 'firmware/esp-idf/build/merged.bin');
const ownTarget = join(folder, 'target.json');

beforeAll(() => {
  writeFileSync(join(folder, 'model.json'), JSON.stringify(perceptron([2, 4, 1])));
  expect(cli(['build', join(folder, 'model.json'), '--target', 'esp32', '--compress', 'none', '-o', build]).code).toBe(
    0,
  );
  // A board that takes its firmware as a file, as mass-storage bootloaders do.
  const esp32 = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'targets/esp32/target.json'), 'utf8'));
  const copy = {
    name: 'copy',
    project: 'esp-idf',
    build: 'idf.py build',
    image: 'build/merged.bin',
    command: 'cp',
    arguments: ['{image}', '{port}'],
    install: 'it is part of coreutils',
  };
  const absent = { ...copy, name: 'absent', command: 'pinn-edge-absent-tool', install: 'it does not exist' };
  writeFileSync(ownTarget, JSON.stringify({ ...esp32, flashTools: [copy, absent] }));
}, 60_000);

const full = (...more: string[]) => cli(['flash', build, '--full', ...more]);

describe('flash --full', () => {
  test('every tool of every target gets all that its arguments ask for', () => {
    for (const name of listTargets()) {
      for (const tool of loadTarget(name).flashTools) {
        const plan = fullFlash(tool, 'build/it', '/dev/ttyACM0');
        expect(plan.line).not.toMatch(/[{}]/);
        expect(plan.line.startsWith(tool.command)).toBe(true);
        expect(plan.needsPort).toBe(false);
      }
    }
  });

  test('--dry-run shows the commands', () => {
    const { code, out } = full('--dry-run', '--tool', 'esptool', '--port', '/dev/ttyUSB0');
    expect(code).toBe(0);
    expect(out).toContain(`(cd ${build}/firmware/esp-idf && idf.py build`);
    expect(out).toContain(`esptool --chip esp32 --port /dev/ttyUSB0 --baud 460800 write-flash 0x0 ${image}`);
  });

  test('says that the device will be out of reach, or writes the project with the agent', () => {
    const plain = full('--dry-run', '--tool', 'esptool');
    expect(plain.err).toContain('esp-idf, which esptool writes, has no update agent: pinn-edge flash will not reach');
    expect(plain.err).toContain('with --agent esp-idf-update is written instead');
    expect(full('--dry-run', '--tool', 'platformio').err).toContain('with --tool esptool --agent esp-idf-update');
    const agent = full('--dry-run', '--agent', '--port', '/dev/ttyUSB0');
    expect(agent).toMatchObject({ code: 0, err: '' });
    expect(agent.out).toContain(`(cd ${build}/firmware/esp-idf-update && idf.py build`);
    expect(agent.out).toContain(`${build}/firmware/esp-idf-update/build/merged.bin`);
    expect(JSON.parse(full('--dry-run', '--agent', '--json').out).agent).toBe(true);
    expect(full('--agent', '--tool', 'platformio')).toMatchObject({
      code: 2,
      err: expect.stringContaining('esp32 has esptool'),
    });
    expect(full('--agent', '--target', 'rp2040')).toMatchObject({ code: 2, err: expect.stringContaining('PE9035') });
    expect(full('--dry-run', '--target', 'rp2040').err).toContain('docs/updates.md');
  });

  test('every project with the agent has the firmware that the tool takes, and every target that has one offers it', () => {
    for (const name of listTargets()) {
      const { projects, flashTools } = loadTarget(name);
      const names = projects.map((project) => project.name);
      for (const { updateProject } of flashTools) if (updateProject) expect(names).toContain(updateProject);
      const has = names.includes('esp-idf-update');
      expect(flashTools.some(({ updateProject }) => updateProject === 'esp-idf-update')).toBe(has);
    }
  });

  test('says how to make the image, runs the tool, and what is missing', () => {
    const port = join(folder, 'device.bin');
    const own = (...more: string[]) => full('--target', ownTarget, '--port', port, ...more);
    expect(own('--tool', 'absent')).toMatchObject({
      code: 2,
      err: expect.stringContaining('PE9031: absent is not installed'),
    });
    expect(own()).toMatchObject({ code: 2, err: expect.stringContaining('make it first: (cd ') });
    mkdirSync(join(build, 'firmware/esp-idf/build'), { recursive: true });
    writeFileSync(image, 'the firmware');
    expect(own()).toMatchObject({ code: 0, out: `cp ${image} ${port}\n` });
    expect(readFileSync(port, 'utf8')).toBe('the firmware');
    expect(full('--target', ownTarget, '--port', '/nowhere/at/all')).toMatchObject({
      code: 1,
      err: expect.stringContaining('PE9033'),
    });
    expect(own('--tool', 'nonsense')).toMatchObject({
      code: 2,
      err: expect.stringContaining('esp32 has copy, absent'),
    });
    expect(full('--target', ownTarget)).toMatchObject({ code: 2, err: expect.stringContaining('PE3005: --port') });
    expect(full('--target', 'cortex-m4', '--port', port)).toMatchObject({
      code: 2,
      err: expect.stringContaining('PE9030'),
    });
    expect(full('--target', 'esp23')).toMatchObject({ code: 2, err: expect.stringContaining('PE3001') });
  });
});
