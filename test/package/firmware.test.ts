import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { firmwareFiles } from '../../compiler/package/firmware.js';
import { loadTarget } from '../../compiler/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/package-root.js';
import { DEFINITIONS } from './toolchain.js';

const target = loadTarget('esp32');
const files = firmwareFiles(target, '/* header */\n');
const text = (path: string) => files.get(path) ?? '';

describe('firmware projects for esp32', () => {
  test('are complete', () => {
    expect([...files.keys()].sort()).toEqual([
      'esp-idf/CMakeLists.txt',
      'esp-idf/README.md',
      'esp-idf/components/pinn_edge/CMakeLists.txt',
      'esp-idf/components/pinn_edge/pe_format.gen.h',
      'esp-idf/components/pinn_edge/pinn_edge.c',
      'esp-idf/components/pinn_edge/pinn_edge.h',
      'esp-idf/components/wasm3/CMakeLists.txt',
      'esp-idf/main/CMakeLists.txt',
      'esp-idf/main/main.c',
      'esp-idf/main/pinn_model.h',
      'esp-idf/sdkconfig.defaults',
      'platformio/README.md',
      'platformio/include/pinn_model.h',
      'platformio/lib/pinn_edge/pe_format.gen.h',
      'platformio/lib/pinn_edge/pinn_edge.c',
      'platformio/lib/pinn_edge/pinn_edge.h',
      'platformio/platformio.ini',
      'platformio/src/main.cpp',
    ]);
    expect(text('esp-idf/main/pinn_model.h')).toBe('/* header */\n');
    const library = readFileSync(join(PACKAGE_ROOT, 'targets', 'common', 'pinn_edge.c'), 'utf8');
    expect(text('platformio/lib/pinn_edge/pinn_edge.c')).toBe(library);
  });

  test('set what target.json says they set', () => {
    const stack = target.nativeStackBytes;
    expect(text('esp-idf/sdkconfig.defaults')).toContain(`CONFIG_ESP_MAIN_TASK_STACK_SIZE=${stack}\n`);
    expect(text('platformio/src/main.cpp')).toContain(`SET_LOOP_TASK_STACK_SIZE(${stack});`);
    expect(text('esp-idf/sdkconfig.defaults')).toContain(`CPU_FREQ_MHZ_${target.clockHz! / 1e6}=y`);
    expect(text('platformio/platformio.ini')).toContain(`wasm3/Wasm3@${target.wasm3.version}\n`);
    expect(text('esp-idf/components/wasm3/CMakeLists.txt')).toContain(`tag v${target.wasm3.version}\n`);
    expect(DEFINITIONS).toContain(`-Dd_m3CodePageAlignSize=${target.wasm3.codePageBytes}`);
  });

  test('build wasm3 as the tests and the simulator do', () => {
    for (const definition of DEFINITIONS) {
      const [name, value] = definition.slice(2).split('=');
      expect(text('platformio/platformio.ini')).toContain(`  ${definition}\n`);
      expect(text('esp-idf/components/wasm3/CMakeLists.txt')).toMatch(new RegExp(`\\b${name}=${value}\\b`));
      if (name === 'd_m3VerboseErrorMessages') continue;
      const addon = readFileSync(join(PACKAGE_ROOT, 'targets', 'host', 'build-addon.mjs'), 'utf8');
      expect(addon).toContain(`${name}: ${value},`);
    }
  });

  test('keep no copies of the library in the templates', () => {
    for (const project of target.projects) {
      const template = join(PACKAGE_ROOT, 'targets', project.template);
      expect(existsSync(join(template, project.libraryFolder, 'pinn_edge.c'))).toBe(false);
      expect(existsSync(join(template, project.headerFolder, 'pinn_model.h'))).toBe(false);
    }
  });

  test('a target without projects has none', () => {
    expect(firmwareFiles(loadTarget('host'), '').size).toBe(0);
  });
});
