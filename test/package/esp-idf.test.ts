import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BARE_METAL_UPDATE, WASM3_FLAGS, WASM3_STACK_FLAGS } from '../../compiler/deliver/package/bare-metal.js';
import { firmwareFiles } from '../../compiler/deliver/package/firmware-files.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { temporaryFolder } from '../helpers/cli.js';
import { headerInputOf, smallModel } from './fixture.js';
import { isSkippedWithout, run } from './toolchain.js';

/** Build files, as CMake reads them: the components that every release of ESP-IDF has, keys, and flags of wasm3's file. */

const folder = temporaryFolder();
const cmake = test.skipIf(isSkippedWithout('cmake'));

/**
 * Of ESP-IDF's tags: the components from which an application gets driver/uart.h, and what of its tools there is. From
 * 5.3 on esp_driver_uart has the UART; to 5.5 the legacy component `driver` names it among its public requirements.
 */
const RELEASES = [
  { version: '5.1', uart: ['driver'], mergesImages: false, esptool: 4 },
  { version: '5.2', uart: ['driver'], mergesImages: false, esptool: 4 },
  { version: '5.3', uart: ['esp_driver_uart', 'driver'], mergesImages: true, esptool: 4 },
  { version: '5.5', uart: ['esp_driver_uart', 'driver'], mergesImages: true, esptool: 4 },
  { version: '6.0', uart: ['esp_driver_uart'], mergesImages: true, esptool: 5 },
];

function write(path: string, text: string): string {
  const place = join(folder, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text);
  return place;
}

/** What a component's CMakeLists.txt says to ESP-IDF of that version. */
function register(file: string, version: string, ...definitions: string[]): string {
  const [major, minor] = version.split('.');
  const script = `set(IDF_VERSION_MAJOR ${major})
set(IDF_VERSION_MINOR ${minor})
set(COMPONENT_LIB app)
function(idf_component_register)
  message(STATUS "register \${ARGN}")
endfunction()
function(target_compile_definitions)
  message(STATUS "define \${ARGN}")
endfunction()
include(${file})
`;
  const { status, stdout, stderr } = run('cmake', [...definitions, '-P', write('script.cmake', script)]);
  expect(status, stderr).toBe(0);
  return stdout;
}

describe('ESP-IDF', () => {
  const files = firmwareFiles(loadTarget('esp32'), '');
  const main = write('CMakeLists.txt', files.get('esp-idf-update/main/CMakeLists.txt')!);

  cmake.each(RELEASES)('$version: the update project requires a component that has the UART', ({ version, uart }) => {
    const said = register(main, version);
    const required = said.slice(said.indexOf('PRIV_REQUIRES')).trim().split(';').slice(1);
    expect(required.filter((name) => uart.includes(name))).toHaveLength(1);
    expect(required.filter((name) => /driver/.test(name) && !uart.includes(name))).toEqual([]);
  });

  cmake('a key of the command line is compiled in, by its full path', () => {
    expect(register(main, '6.0')).not.toContain('PE_KEY_HEADER');
    expect(register(main, '6.0', '-DPE_KEY_HEADER=/keys/pe_key.h')).toContain('PE_KEY_HEADER="/keys/pe_key.h"');
  });

  test('firmware is written by a tool that every release has, and by esptool 5, which takes no command with underscores', () => {
    for (const target of listTargets()
      .map(loadTarget)
      .filter(({ chip }) => /^ESP32/.test(chip))) {
      const tools = new Map(target.flashTools.map((tool) => [tool.name, tool]));
      expect(tools.get('idf')).toMatchObject({ command: 'idf.py' });
      const esptool = tools.get('esptool')!;
      expect(esptool.command).toBe('esptool');
      expect(esptool.arguments).toContain('write-flash');
      expect(esptool.install).toContain('esptool>=5');
      // idf.py merge-bin is not everywhere, which is said.
      const from = RELEASES.find(({ mergesImages }) => mergesImages)!.version;
      expect(tools.get('idf')!.install).toContain(`image wants ${from} or newer`);
    }
  });
});

test("every build file sets on wasm3's file what its bound of the native stack rests on", () => {
  const every = [...WASM3_STACK_FLAGS, ...WASM3_FLAGS];
  for (const target of listTargets()
    .map(loadTarget)
    .filter(({ wasm3 }) => wasm3)) {
    const files = firmwareFiles(target, '');
    for (const { name, libraryFolder } of target.projects) {
      const places = [`${libraryFolder}/CMakeLists.txt`, `${libraryFolder}/library.json`, 'CMakeLists.txt'];
      const text = places.map((path) => files.get(`${name}/${path}`) ?? '').join('\n');
      const flags = /pe_wasm3\.c PROPERTIES COMPILE_OPTIONS\s+"([^"]*)"/.exec(text)?.[1].split(';') ?? [];
      if (name === 'platformio') flags.push(...JSON.parse(text).build.flags);
      expect(flags, `${target.name} ${name}`).toEqual(expect.arrayContaining(every));
      expect(
        flags.some((flag) => /^-O[2s]$/.test(flag)),
        `${target.name} ${name}`,
      ).toBe(true);
    }
  }
});

test.skipIf(isSkippedWithout('cmake') || isSkippedWithout('arm-none-eabi-gcc'))(
  'CMake builds the firmware with the update agent, with a key where one is given',
  async () => {
    const prefix = `${BARE_METAL_UPDATE}/`;
    const files = firmwareFiles(loadTarget('cortex-m4'), modelHeader(headerInputOf(await smallModel())));
    for (const [path, text] of files) if (path.startsWith(prefix)) write(path, text);
    const key = Array.from({ length: 32 }, (_, i) => (7 * i + 11) & 255);
    write(`${prefix}key.h`, `static const uint8_t pe_key[32] = {${key.join(', ')}};\n`);
    const source = join(folder, BARE_METAL_UPDATE);
    const holdsKey = (name: string, ...definitions: string[]) => {
      const build = join(folder, name);
      const made = run('cmake', ['-S', source, '-B', build, ...definitions]);
      expect(made.status, made.stderr).toBe(0);
      const built = run('cmake', ['--build', build, '--target', 'firmware.elf']);
      expect(built.status, built.stdout + built.stderr).toBe(0);
      const image = join(build, 'firmware.bin');
      run('arm-none-eabi-objcopy', ['-O', 'binary', join(build, 'firmware.elf'), image]);
      return readFileSync(image).includes(Buffer.from(key));
    };
    expect(holdsKey('plain')).toBe(false);
    expect(holdsKey('keyed', '-DPE_KEY_HEADER=key.h')).toBe(true);
  },
  300_000,
);
