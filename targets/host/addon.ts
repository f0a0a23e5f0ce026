import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

// The C addon behind wasm3.ts: what it offers, and how it comes to be there.

/**
 * What a module needed so far, in bytes of this host: pointers take 8 bytes here and 4 on a device, so the heap
 * figures are upper bounds for a device, and native frames differ with the processor. Sizes are those requested from
 * the allocator. While a block is resized its old and new copy count both towards the peaks.
 */
export interface Wasm3Usage {
  /** Linear memory allocated now. */
  linearMemoryBytes: number;
  peakLinearMemoryBytes: number;
  /** The interpreter's own heap now: environment, runtime, value stack, parsed module, code pages. */
  heapBytes: number;
  peakHeapBytes: number;
  /** Code pages, a part of heapBytes. */
  codePageBytes: number;
  /** Words (of pointer size) of the code pages that are taken. */
  codeWords: number;
  /** The larger of the two figures below. */
  nativeStackBytes: number;
  /** Deepest native stack while parsing, linking and compiling. */
  nativeStackLoadBytes: number;
  /** Deepest native stack while running the start function, call() or runBatch(). */
  nativeStackRunBytes: number;
}

/** A loaded module, to the addon. */
export type Handle = { readonly brand: unique symbol };

/** A function of a module, as the addon knows it. */
export interface FoundFunction {
  id: number;
  /** One letter per value: i for i32, I for i64. */
  parameters: string;
  results: string;
}

/** The addon's functions; wasm3_node.c describes them. */
export interface Addon {
  version: string;
  load(
    wasm: Uint8Array,
    stackBytes: number,
    memoryLimit: number,
    heapLimit: number,
    compileAll: boolean,
    isModel: boolean,
  ): Handle;
  find(handle: Handle, name: string): FoundFunction;
  call(handle: Handle, id: number, slots: BigInt64Array): void;
  runBatch(
    handle: Handle,
    id: number,
    inputAddress: number,
    inputs: Int32Array,
    outputAddress: number,
    outputs: Int32Array,
    statuses: Int32Array,
  ): void;
  read(handle: Handle, address: number, target: Uint8Array): void;
  write(handle: Handle, address: number, source: Uint8Array): void;
  usage(handle: Handle): Omit<Wasm3Usage, 'nativeStackBytes'>;
  dispose(handle: Handle): number;
  runTable(table: Uint8Array, inputs: Int32Array, outputs: Int32Array, statuses: Int32Array): number;
  runFit(
    model: Float64Array,
    job: Float64Array,
    inputs: Float64Array,
    outputs: Float64Array,
    evaluate: () => void,
    answer: Float64Array,
  ): number;
}

const addons = new Map<string, Addon>();

/** The addon in one of its two flavours, built first when it is missing or its sources changed. Throws an Error that says why not. */
export function loadAddon(tailCalls: boolean): Addon {
  const file = tailCalls ? 'wasm3.node' : 'wasm3-notail.node';
  const known = addons.get(file);
  if (known !== undefined) return known;
  const hostFolder = join(PACKAGE_ROOT, 'targets', 'host');
  if (!isAddonFresh(join(hostFolder, 'build'), file)) buildAddon(hostFolder);
  const addon = createRequire(import.meta.url)(join(hostFolder, 'build', file)) as Addon;
  addons.set(file, addon);
  return addon;
}

/** What build-addon.mjs notes about the last build. */
interface BuildStamp {
  platform: string;
  arch: string;
  files: { path: string; size: number; mtimeMs: number }[];
}

/** Compares the sources' sizes and times only; when they differ, build-addon.mjs looks at the contents. */
function isAddonFresh(buildFolder: string, file: string): boolean {
  try {
    const stamp = JSON.parse(readFileSync(join(buildFolder, 'wasm3.json'), 'utf8')) as BuildStamp;
    if (stamp.platform !== process.platform || stamp.arch !== process.arch) return false;
    if (!existsSync(join(buildFolder, file))) return false;
    return stamp.files.every(({ path, size, mtimeMs }) => {
      const now = statSync(join(PACKAGE_ROOT, path));
      return now.size === size && now.mtimeMs === mtimeMs;
    });
  } catch {
    return false;
  }
}

function buildAddon(hostFolder: string): void {
  const script = join(hostFolder, 'build-addon.mjs');
  // Progress goes straight to our stderr (2), which leaves stdout to the command's results.
  const run = spawnSync(process.execPath, [script], { encoding: 'utf8', stdio: ['ignore', 2, 'pipe'] });
  if (run.status === 0) return;
  const reason = run.error?.message ?? run.stderr.trim();
  throw new Error(`wasm3: the simulator could not be built. ${reason}`);
}
