import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { firmwareFiles, LIBRARY_FILES, MODULE_FILES } from '../../compiler/deliver/package/firmware-files.js';
import { modelHeader } from '../../compiler/deliver/package/header.js';
import type { Target } from '../../compiler/deliver/package/target.js';
import { listTargets, loadTarget } from '../../compiler/deliver/package/targets.js';
import { temporaryFolder } from '../helpers/cli.js';
import { headerInputOf, smallModel } from './fixture.js';
import {
  C99,
  CPP11,
  compileOrThrow,
  hasTool,
  isSkippedWithout,
  PIP_TOOLS_REQUIRED,
  run,
  STUBS,
  WARNINGS,
} from './toolchain.js';

/** Every project of every target: its files, its data, and its own C and C++ files compiled for the target's core. */

const folder = temporaryFolder();

/** Compilers of the instruction sets, with what their C libraries need. */
function compilerFor({ isa, flags, compiler }: Target): { command: string; flags: string[] } | undefined {
  if (compiler) return { command: compiler.command, flags };
  if (isa.startsWith('armv')) return { command: 'arm-none-eabi-gcc', flags };
  const picolibc = '--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs';
  if (isa.startsWith('xtensa')) return { command: 'xtensa-lx106-elf-gcc', flags: [picolibc, '-mlongcalls'] };
  const rv32 = ['--specs=picolibc.specs', '-march=rv32imc', '-mabi=ilp32'];
  return isa === 'rv32imc' ? { command: 'riscv64-unknown-elf-gcc', flags: rv32 } : undefined;
}

const TARGETS = listTargets()
  .map(loadTarget)
  .filter(({ projects, wasm3 }) => projects.length && wasm3);
const roots = new Map<string, string>();

beforeAll(async () => {
  const header = modelHeader(headerInputOf(await smallModel()));
  for (const target of TARGETS) {
    const root = join(folder, target.name);
    roots.set(target.name, root);
    for (const [path, text] of firmwareFiles(target, header)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  }
}, 300_000);

describe.each(TARGETS)('$name', (target) => {
  const files = firmwareFiles(target, '');

  test('says where its figures come from', () => {
    const needed = ['isa', 'tailCalls', 'flashBytes', 'ramBytes', 'ramBlockBytes', 'nativeStackBytes', 'wasm3'];
    if (target.clockHz) needed.push('clockHz');
    for (const field of [...needed, 'defaultStackBytes']) expect(Object.keys(target.source)).toContain(field);
    expect(target.ramBlockBytes).toBeLessThanOrEqual(target.ramBytes);
  });

  test('its flash tools write what its projects make', () => {
    const projects = target.projects.map(({ name }) => name);
    expect(new Set(target.flashTools.map(({ name }) => name)).size).toBe(target.flashTools.length);
    for (const tool of target.flashTools) {
      expect(projects).toContain(tool.project);
      const used: string[] = tool.arguments.join(' ').match(/\{\w+\}/g) ?? [];
      expect(['{port}', '{project}', '{image}']).toEqual(expect.arrayContaining(used));
      expect(used.includes('{image}')).toBe(tool.image !== undefined);
    }
    if (!target.emulator) expect(target.flashTools.length).toBeGreaterThan(0);
  });

  test('its projects are complete, and nothing is left to fill in', () => {
    for (const project of target.projects) {
      const text = (path: string) => files.get(`${project.name}/${path}`);
      for (const name of [...LIBRARY_FILES, ...MODULE_FILES])
        expect(text(`${project.libraryFolder}/${name}`)).toBeDefined();
      expect(text(`${project.headerFolder}/pinn_model.h`)).toBe('');
      if (project.wasm3Folder) expect(text(`${project.wasm3Folder}/m3_core.c`)).toContain('m3_');
    }
    for (const [path, text] of files) {
      if (!path.includes('/wasm3/')) expect(text.match(/@[A-Za-z]\w*@/), path).toBeNull();
    }
  });

  const compiler = compilerFor(target)!;
  test.skipIf(isSkippedWithout(compiler.command))('its applications compile without warnings', () => {
    for (const project of target.projects) {
      const root = join(roots.get(target.name)!, project.name);
      const own = [...files.keys()].filter(
        (path) =>
          path.startsWith(`${project.name}/`) && /\.(c|cpp)$/.test(path) && !/\/(wasm3|pinn_edge)\/[^/]*$/.test(path),
      );
      expect(own).not.toEqual([]);
      const includes = ['.', project.libraryFolder, project.headerFolder].map((path) => `-I${join(root, path)}`);
      const wasm3 = project.wasm3Folder ? ['-isystem', join(root, project.wasm3Folder)] : [];
      for (const path of own) {
        const language = path.endsWith('.cpp') ? CPP11 : project.name === 'bare-metal' ? ['-std=gnu11'] : C99;
        compileOrThrow(compiler.command, [
          ...[...compiler.flags, ...language, '-Os', ...WARNINGS, ...includes, `-I${STUBS}`, ...wasm3],
          ...['-c', join(roots.get(target.name)!, path), '-o', '/dev/null'],
        ]);
      }
    }
  });
});

test('the targets of the field are there', () => {
  expect(listTargets()).toEqual(
    expect.arrayContaining(
      'esp32 esp32s3 esp32c3 esp8266 rp2040 rp2350 stm32f4 stm32h7 nrf52840 samd51 host'.split(' '),
    ),
  );
});

test("the partition for models of ESP-IDF's project with the agent is two sectors and two slots, aligned to be mapped", () => {
  const rows = firmwareFiles(loadTarget('esp32'), '').get('esp-idf-update/partitions.csv')!.split('\n');
  const [, , , offset, size] = rows
    .find((row) => row.startsWith('models,'))!
    .split(',')
    .map((cell) => cell.trim());
  // Pages that the cache maps have 64 KiB (ESP-IDF Programming Guide, SPI Flash API, memory mapping).
  expect(Number(offset) % 0x10000).toBe(0);
  expect((Number(size) / 4096 - 2) % 2).toBe(0);
  expect(Number(offset) + Number(size)).toBeLessThanOrEqual(4 * 2 ** 20);
});

test("ESP-IDF's partitions lie one after the other in 4 MB, the slots for models as pe_slots.h wants them", () => {
  const rows = firmwareFiles(loadTarget('esp32'), '')
    .get('esp-idf/partitions.csv')!
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split(',').map((cell) => cell.trim()));
  const parts = rows.map(([name, type, , offset, size]) => ({
    name,
    type,
    offset: Number(offset),
    size: Number(size),
  }));
  parts.forEach((part, i) => {
    expect(part.name.length).toBeLessThanOrEqual(15);
    expect(part.offset % (part.type === 'app' ? 0x10000 : 0x1000)).toBe(0);
    const end = part.offset + part.size;
    expect(end).toBeLessThanOrEqual(parts[i + 1]?.offset ?? 0x400000);
  });
  const [commit, a, b] = ['model_commit', 'model_a', 'model_b'].map(
    (name) => parts.find((part) => part.name === name)!,
  );
  expect(commit.size).toBe(2 * 4096);
  expect(a.offset).toBe(commit.offset + commit.size);
  expect(b.offset).toBe(a.offset + a.size);
  expect(b.size).toBe(a.size);
  expect(parts.find(({ name }) => name === 'factory')!.size).toBe(loadTarget('esp32').flashBytes);
});

describe('project files in the eyes of their tools', () => {
  const projectsNamed = (name: string) => TARGETS.filter(({ projects }) => projects.some((p) => p.name === name));
  const tool = (command: string, pip: string) => {
    const isSkipped = !hasTool(command, '--help') && !PIP_TOOLS_REQUIRED;
    if (isSkipped)
      process.stderr.write(`skipped: ${command}, which checks project files, not found; pip install ${pip}\n`);
    return test.skipIf(isSkipped);
  };

  test.skipIf(!PIP_TOOLS_REQUIRED)('these tools are here', () => {
    const missing = ['pio', 'compote'].filter((command) => !hasTool(command, '--help'));
    expect(missing, 'pip install platformio idf-component-manager, or PINN_EDGE_NO_PIP=1').toEqual([]);
  });

  tool('pio', 'platformio').each(projectsNamed('platformio'))('PlatformIO takes the project for $name', ({ name }) => {
    const project = join(roots.get(name)!, 'platformio');
    const lint = run('pio', ['project', 'config', '--project-dir', project, '--lint', '--json-output']);
    expect(lint.stdout).toContain("{'errors': [], 'warnings': []}");
  });

  tool('pio', 'platformio')('PlatformIO takes the library', () => {
    const library = join(roots.get('esp32')!, 'platformio', 'lib', 'pinn_edge');
    const { status, stdout, stderr } = run('pio', ['pkg', 'pack', library, '-o', join(folder, 'library.tar.gz')]);
    // The list of licences comes from the network; without it nothing else may be wrong.
    if (status !== 0) expect(stdout + stderr).toContain("fields: {'license': ['Could not load SPDX licenses");
  });

  tool('compote', 'idf-component-manager').each(projectsNamed('esp-idf'))(
    "ESP-IDF's component manager takes the component for $name",
    ({ name }) => {
      const component = join(roots.get(name)!, 'esp-idf', 'components', 'pinn_edge');
      const lint = run('compote', ['manifest', 'lint', component]);
      expect(lint.status, lint.stdout + lint.stderr).toBe(0);
      const damaged = join(folder, `damaged-${name}`, 'idf_component.yml');
      mkdirSync(dirname(damaged), { recursive: true });
      const manifest = firmwareFiles(loadTarget(name), '').get('esp-idf/components/pinn_edge/idf_component.yml')!;
      writeFileSync(damaged, manifest.replace(/^version: .*$/m, 'version: "one"'));
      expect(run('compote', ['manifest', 'lint', damaged]).status).not.toBe(0);
    },
  );
});
