import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { firmwareFiles } from '../../compiler/deliver/package/firmware-files.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { temporaryFolder } from '../helpers/cli.js';

const folder = temporaryFolder();

function failure(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (error) {
    if (error instanceof PinnEdgeError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('did not throw');
}

function file(text: string): string {
  const path = join(folder, 'target.json');
  writeFileSync(path, text);
  return path;
}

describe('targets', () => {
  test('every one is valid and named like its folder', () => {
    expect(listTargets()).toContain('esp32');
    expect(listTargets()).toContain('host');
    for (const name of listTargets()) expect(loadTarget(name).name).toBe(name);
  });

  test('projects with the update agent have all that the plain ones have', () => {
    for (const { projects } of listTargets().map(loadTarget)) {
      const shared = (name: string) => projects.find((project) => project.name === name)?.shared;
      const update = shared('bare-metal-update');
      if (update) expect(update).toEqual([...(shared('bare-metal') ?? []), 'bare-metal/app-update']);
    }
  });

  test('a target of the user is taken by its path', () => {
    const own = { ...loadTarget('esp32'), name: 'my-board', ramBytes: 100_000, ramBlockBytes: 100_000 };
    expect(loadTarget(file(JSON.stringify(own)))).toEqual(own);
  });

  test('a board of the user gets its projects like any other', () => {
    const own = { ...loadTarget('nrf52840'), name: 'my-board', nativeStackBytes: 4321 };
    const files = firmwareFiles(loadTarget(file(JSON.stringify(own))), '');
    expect(files.get('zephyr/samples/pinn_edge/prj.conf')).toContain('CONFIG_MAIN_STACK_SIZE=4321\n');
  });

  test('an unknown name gets the nearest ones', () => {
    const { code, message } = failure(() => loadTarget('esp23'));
    expect(code).toBe('PE3001');
    expect(message).toMatch(/^unknown target "esp23"; the nearest known ones are esp32, /);
  });

  test('a file that is missing, not JSON or empty', () => {
    expect(failure(() => loadTarget(join(folder, 'none.json'))).code).toBe('PE1001');
    expect(failure(() => loadTarget(file('{'))).code).toBe('PE1002');
    expect(failure(() => loadTarget(file('{}'))).code).toBe('PE3004');
  });

  test('every problem of a file is named, with its place', () => {
    const { ramBytes: _, ...rest } = loadTarget('esp32');
    const bad = {
      ...rest,
      fpu: 'half',
      flashbytes: 1,
      wasm3: { ...rest.wasm3, stackBytes: '2048' },
      clockHz: 0.5,
    };
    const { code, message } = failure(() => loadTarget(file(JSON.stringify(bad))));
    expect(code).toBe('PE3004');
    expect(message).toContain('ramBytes: found nothing, expected a value');
    expect(message).toContain('flashbytes: found an unknown field, expected one such as flashBytes');
    expect(message).toContain('fpu: found "half", expected one of none, single, double');
    expect(message).toContain('wasm3.stackBytes: found "2048", expected a value that must be integer');
    expect(message).toContain('clockHz: found 0.5');
  });

  test('what does not fit together is named', () => {
    const { compiler: _, ...m4 } = loadTarget('cortex-m4');
    const tool = { ...loadTarget('esp32').flashTools[0], project: 'esp-idf' };
    const { message } = failure(() =>
      loadTarget(file(JSON.stringify({ ...m4, flashTools: [tool], ramBlockBytes: m4.ramBytes + 1 }))),
    );
    expect(message).toContain('flashTools.0.project: found "esp-idf", expected one of bare-metal');
    expect(message).toContain('compiler: found nothing, expected one, for projects.0');
    expect(message).toContain(`ramBlockBytes: found ${m4.ramBytes + 1}, expected at most ramBytes, ${m4.ramBytes}`);
  });

  test('templates are those of pinn-edge, and paths stay inside the build', () => {
    const target = loadTarget('esp32');
    const withProject = (changes: object) =>
      file(JSON.stringify({ ...target, projects: [{ ...target.projects[0], ...changes }] }));
    expect(failure(() => loadTarget(withProject({ template: 'projects/none' }))).message).toContain(
      'projects.0.template',
    );
    expect(failure(() => loadTarget(withProject({ values: {} }))).message).toContain(
      'projects.0.values: found nothing for @idfTarget@',
    );
    for (const folderName of ['..', '../x', '/etc', 'a/../b', '']) {
      expect(failure(() => loadTarget(withProject({ libraryFolder: folderName }))).code).toBe('PE3004');
      expect(failure(() => loadTarget(withProject({ template: folderName }))).code).toBe('PE3004');
    }
  });
});
