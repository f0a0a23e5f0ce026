import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PinnEdgeError } from '../../diagnostics.js';
import { PACKAGE_ROOT, readPackageJson } from '../../host/package-root.js';

/** Sources of one module by path: the generated entry and the runtime files that it may import. */
export type Sources = ReadonlyMap<string, string>;

export const ENTRY = 'entry.ts';

/** The runtime's own AssemblyScript files, as `runtime/...`. */
export function runtimeSources(): Map<string, string> {
  const sources = new Map<string, string>();
  const folder = join(PACKAGE_ROOT, 'runtime');
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (path.endsWith('.ts')) sources.set(`runtime/${path}`, readFileSync(join(folder, path), 'utf8'));
  }
  return sources;
}

/** The options of asconfig.json as asc command-line arguments. */
function options(): string[] {
  const { options } = readPackageJson('asconfig.json') as { options: Record<string, unknown> };
  return Object.entries(options).flatMap(([name, value]) => {
    if (Array.isArray(value)) return value.flatMap((item) => [`--${name}`, String(item)]);
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
}

/** Small code before fast code: every byte of it costs several of RAM once the interpreter has translated it. */
const SHRINK = ['--optimizeLevel', '2', '--shrinkLevel', '2'];

/** Compiles the sources in process with the options of asconfig.json. */
export async function compileAssemblyScript(sources: Sources, shrink = false): Promise<Uint8Array> {
  // Loading asc takes a good part of a second; commands that do not compile need not wait for it.
  const { main } = await import('assemblyscript/asc');
  let wasm: Uint8Array | undefined;
  const messages: string[] = [];
  const collect = {
    write(chunk: unknown): boolean {
      messages.push(String(chunk));
      return true;
    },
  };
  const { error } = await main([ENTRY, '--outFile', 'model.wasm', ...options(), ...(shrink ? SHRINK : [])], {
    stdout: collect,
    stderr: collect,
    readFile: (name: string) => sources.get(name.replaceAll('\\', '/')) ?? null,
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (typeof contents !== 'string') wasm = contents;
    },
    listFiles: () => [],
  } as never);
  if (error || !wasm) {
    const reason = messages.join('').trim() || error?.message || 'no output';
    throw new PinnEdgeError('PE6004', { reason }, 3);
  }
  return wasm;
}
