import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  firmwareFiles,
  LIBRARY_FILES,
  MODULE_FILES,
  TABLE_FILES,
} from '../../compiler/deliver/package/firmware-files.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { fillIn } from '../../compiler/deliver/package/templates.js';
import { wasm3Folder } from '../../compiler/deliver/package/wasm3.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

const target = loadTarget('esp32');
const files = firmwareFiles(target, '/* header */\n');
const settings = new Map(
  [...files.get('esp-idf/components/pinn_edge/pe_wasm3.h')!.matchAll(/^#define (d_m3\w+) (\w+)$/gm)].map(
    ([, name, value]) => [name, value],
  ),
);
const text = (path: string) => files.get(path) ?? '';

describe('firmware projects for esp32', () => {
  test('are complete', () => {
    const library = (folder: string) => [...LIBRARY_FILES, ...MODULE_FILES].map((name) => `${folder}/${name}`);
    const own = [...files.keys()].filter((path) => !path.includes('/wasm3/'));
    expect(own.sort()).toEqual(
      [
        'esp-idf/CMakeLists.txt',
        'esp-idf/README.md',
        'esp-idf/components/pinn_edge/CMakeLists.txt',
        'esp-idf/components/pinn_edge/idf_component.yml',
        ...library('esp-idf/components/pinn_edge'),
        'esp-idf/main/CMakeLists.txt',
        'esp-idf/main/main.c',
        'esp-idf/main/pinn_model.h',
        'esp-idf/partitions.csv',
        'esp-idf/sdkconfig.defaults',
        'esp-idf-update/CMakeLists.txt',
        'esp-idf-update/README.md',
        'esp-idf-update/components/pinn_edge/CMakeLists.txt',
        'esp-idf-update/components/pinn_edge/idf_component.yml',
        ...library('esp-idf-update/components/pinn_edge'),
        'esp-idf-update/main/CMakeLists.txt',
        ...['agent_uart.c', 'agent_uart.h', 'main.c', 'model_flash.c', 'model_flash.h', 'pinn_model.h'].map(
          (name) => `esp-idf-update/main/${name}`,
        ),
        'esp-idf-update/partitions.csv',
        'esp-idf-update/sdkconfig.defaults',
        'platformio/README.md',
        'platformio/include/pinn_model.h',
        'platformio/lib/pinn_edge/library.json',
        ...library('platformio/lib/pinn_edge'),
        'platformio/platformio.ini',
        'platformio/src/main.cpp',
      ].sort(),
    );
    expect(text('esp-idf/components/pinn_edge/wasm3/m3_core.c')).toBe(
      readFileSync(join(wasm3Folder(), 'm3_core.c'), 'utf8'),
    );
    expect(text('esp-idf/components/pinn_edge/wasm3/LICENSE')).toContain('Copyright (c) 2019 Steven Massey');
    expect(text('esp-idf/main/pinn_model.h')).toBe('/* header */\n');
    const source = readFileSync(join(PACKAGE_ROOT, 'targets', 'common', 'pinn_edge.c'), 'utf8');
    expect(text('platformio/lib/pinn_edge/pinn_edge.c')).toBe(source);
  });

  test('set what target.json says they set', () => {
    const stack = target.nativeStackBytes;
    expect(text('esp-idf/sdkconfig.defaults')).toContain(`CONFIG_ESP_MAIN_TASK_STACK_SIZE=${stack}\n`);
    expect(text('platformio/src/main.cpp')).toContain(`SET_LOOP_TASK_STACK_SIZE(${stack});`);
    expect(text('esp-idf/sdkconfig.defaults')).toContain(`CPU_FREQ_MHZ_${target.clockHz! / 1e6}=y`);
    expect(text('platformio/lib/pinn_edge/wasm3/wasm3.h')).toContain(`"${target.wasm3!.version}"`);
    expect(text('esp-idf/components/pinn_edge/wasm3/wasm3.h')).toContain(`"${target.wasm3!.version}"`);
    const page = `d_m3CodePageAlignSize=${target.wasm3!.codePageBytes}`;
    expect(text('esp-idf/components/pinn_edge/CMakeLists.txt')).toContain(page);
    expect(text('platformio/platformio.ini')).toContain(page);
  });

  test('build wasm3 as the simulator does', () => {
    const addon = readFileSync(join(PACKAGE_ROOT, 'targets', 'host', 'build-addon.mjs'), 'utf8');
    for (const [name, value] of settings) {
      if (name !== 'd_m3VerboseErrorMessages') expect(addon).toContain(`${name}: ${value},`);
    }
  });

  test('a name without a value is a fault of the template', () => {
    const values = { board: 'x', wasm3Version: '0.5.0' };
    expect(fillIn(new Map([['a', 'y@1.2 @board@ w@@wasm3Version@']]), values).get('a')).toBe('y@1.2 x w@0.5.0');
    expect(() => fillIn(new Map([['a', '@bord@']]), values)).toThrow('the template a asks for @bord@');
  });

  test('a target without projects has none', () => {
    expect(firmwareFiles(loadTarget('host'), '').size).toBe(0);
  });
});

describe('firmware for block tables', () => {
  test('is the project with the update agent, without wasm3 and what includes it', () => {
    const files = firmwareFiles(loadTarget('cortex-m4'), '/* header */\n', 'c');
    expect(new Set([...files.keys()].map((path) => path.split('/')[0]))).toEqual(new Set(['bare-metal-update']));
    for (const name of [...LIBRARY_FILES, ...TABLE_FILES]) {
      expect(files.has(`bare-metal-update/pinn_edge/${name}`), name).toBe(true);
    }
    const library = [...files].filter(([path]) => path.includes('/pinn_edge/') || path.includes('/model/'));
    for (const [path, text] of library)
      expect(text, path).not.toMatch(/#include "(wasm3|m3_\w+|pe_wasm3|pe_arena)\.h"/);
  });

  test('is the library by itself for targets of other tools', () => {
    const names = [...firmwareFiles(target, '', 'c').keys()];
    expect(names.sort()).toEqual([...LIBRARY_FILES, ...TABLE_FILES].map((name) => `pinn_edge/${name}`).sort());
  });
});
