import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { cacheFolder } from '../../compiler/run/boards/cache.js';

/** Sources of rivals, fetched on request from the registries that carry them, by these registries' own clients. */
export interface RivalPackage {
  name: string;
  version: string;
  /** Leaves the sources in `folder`, which exists. */
  fetch(folder: string): void;
}

/** float32 and fixed-point networks in C headers, https://emlearn.org. */
export const EMLEARN: RivalPackage = {
  name: 'emlearn',
  version: '0.23.2',
  fetch(folder) {
    const options = ['--no-deps', '--only-binary', ':all:', '--dest', folder];
    runClient(folder, 'pip', ['download', ...options, `${EMLEARN.name}==${EMLEARN.version}`]);
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))!;
    const headers = unzipSync(readFileSync(join(folder, wheel)), {
      filter: ({ name }) => /^emlearn\/\w+\.h$/.test(name),
    });
    for (const [name, bytes] of Object.entries(headers)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    rmSync(join(folder, wheel));
  },
};

/** TensorFlow Lite for Microcontrollers of July 2020, the latest whose C++ sources a package carries. */
export const TFMICRO: RivalPackage = {
  name: 'tfmicro',
  version: '0.1.0',
  fetch(folder) {
    const project = join(folder, 'project');
    mkdirSync(join(project, 'src'), { recursive: true });
    writeFileSync(join(project, 'src', 'lib.rs'), '');
    const manifest = `[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n\n[dependencies]\n${TFMICRO.name} = "=${TFMICRO.version}"\n`;
    writeFileSync(join(project, 'Cargo.toml'), manifest);
    runClient(project, 'cargo', ['vendor', '--quiet', 'vendor']);
    cpSync(join(project, 'vendor', TFMICRO.name, 'submodules', 'tensorflow'), folder, { recursive: true });
    rmSync(project, { recursive: true });
  },
};

export const PACKAGES: readonly RivalPackage[] = [EMLEARN, TFMICRO];

function folderOf({ name, version }: RivalPackage): string {
  return join(cacheFolder(), `rival-${name}-${version}`);
}

/** @returns undefined when the package was not fetched */
export function packageFolder(source: RivalPackage): string | undefined {
  const folder = folderOf(source);
  return existsSync(folder) ? folder : undefined;
}

/** Fetches a package into the cache, unless it is there. */
export function fetchPackage(source: RivalPackage): void {
  if (packageFolder(source)) return;
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-package-'));
  try {
    source.fetch(folder);
    mkdirSync(cacheFolder(), { recursive: true });
    const place = folderOf(source);
    cpSync(folder, `${place}.part`, { recursive: true });
    renameSync(`${place}.part`, place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runClient(folder: string, command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim().split('\n').pop() ?? '';
  throw new PinnEdgeError('PE8102', { command: `${command} ${args[0]}`, reason });
}
