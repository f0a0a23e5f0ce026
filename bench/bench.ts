import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { BUILD_ENGINES } from '../compiler/code/engines/build-engine.js';
import { EXIT, PinnEdgeError } from '../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import type { CompiledModel } from '../compiler/pipeline/compiled-model.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { document, report } from './document.js';
import { measureHost, measureReference } from './host.js';
import { type KernelRow, measureKernels } from './kernels.js';
import { compileVariant, EXAMPLES, measureProduct, variantsOf } from './product.js';
import { rivalRow } from './rival-rows.js';
import { fetchPackage, PACKAGES, packageFolder } from './rivals/packages.js';
import { RIVALS } from './rivals/rivals.js';
import { HOST, type Row } from './rows.js';
import { writtenByOthers } from './sections.js';
import { variantText } from './tables.js';

/** `npm run bench`: every engine and every rival, on every emulated board and the host, over every example. */

/** Beside the examples: what single kernels cost. */
const KERNELS = 'kernels';
const BOARDS = ['cortex-m0', 'cortex-m3', 'cortex-m4', 'rv32imc', 'xtensa'] as const;

/** The kernels in C are timed on this machine with the formats of this instruction set. */
const HOST_ISA = loadBoard('cortex-m4').isa;

interface Options {
  example?: string;
  board?: string;
  engine?: string;
  fetch?: boolean;
  rows?: string;
  cache: boolean;
  json?: boolean;
  write?: boolean;
}

const command = new Command('npm run bench --')
  .description('Measures every engine and what users would pick instead, on the emulated boards and on this machine.')
  .option('--example <names>', `of ${[...EXAMPLES, KERNELS].join(', ')}, separated by commas`)
  .option('--board <names>', `of ${[...BOARDS, HOST].join(', ')}`)
  .option('--engine <names>', `of ${[...BUILD_ENGINES, ...RIVALS.map(({ name }) => name)].join(', ')}`)
  .option('--fetch', 'fetch the rivals that come from PyPI and crates.io first, with pip and cargo, into the cache')
  .option('--no-cache', 'compress again, even if this was done before')
  .option('--rows <files>', 'measure nothing: take the rows that --json printed into these files, separated by commas')
  .option('--json', 'print the rows as JSON')
  .option('--write', 'write docs/benchmarks.md')
  .addHelpText(
    'after',
    `
Examples:
  $ npm run bench -- --fetch
  $ npm run bench -- --example front --board cortex-m4,cortex-m3
  $ npm run bench -- --engine wasm3 --json`,
  )
  .exitOverride();

/** The names that an option chose, all of them when it was not given. */
function chosen<T extends string>(option: string, given: string | undefined, known: readonly T[]): T[] {
  if (given === undefined) return [...known];
  return given.split(',').map((name) => {
    if ((known as readonly string[]).includes(name)) return name as T;
    throw new PinnEdgeError('PE8101', { option, name, names: known.join(', ') });
  });
}

async function run(options: Options): Promise<void> {
  const { rows, kernels } = options.rows ? readRows(options.rows.split(',')) : await measure(options);
  if (options.write) writeDocument(rows, kernels);
  if (options.json) process.stdout.write(`${JSON.stringify([...rows, ...kernels], null, 2)}\n`);
  else process.stdout.write(report(rows, kernels));
}

/** docs/benchmarks.md, with what other benchmarks have written there. */
function writeDocument(rows: readonly Row[], kernels: readonly KernelRow[]): void {
  const file = join(PACKAGE_ROOT, 'docs', 'benchmarks.md');
  const others = writtenByOthers(readFileSync(file, 'utf8'));
  const text = document(rows, kernels);
  writeFileWhole(file, others ? `${text}\n${others}` : text);
}

interface Measured {
  rows: Row[];
  kernels: KernelRow[];
}

function readRows(files: readonly string[]): Measured {
  const all = files.flatMap((file): (Row | KernelRow)[] => {
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new PinnEdgeError('PE1001', { file, reason: (error as Error).message });
    }
  });
  const isKernel = (row: Row | KernelRow): row is KernelRow => 'kernel' in row;
  return { rows: all.filter((row): row is Row => !isKernel(row)), kernels: all.filter(isKernel) };
}

async function measure(options: Options): Promise<Measured> {
  const examples = chosen('--example', options.example, [...EXAMPLES, KERNELS]);
  const places = chosen('--board', options.board, [...BOARDS, HOST]);
  const engines = chosen('--engine', options.engine, [...BUILD_ENGINES, ...RIVALS.map(({ name }) => name)]);
  if (options.fetch) for (const source of PACKAGES) fetchPackage(source);
  const rows: Row[] = [];
  const kernels: KernelRow[] = [];
  for (const example of examples) {
    if (example !== KERNELS) {
      rows.push(...(await measureExample(example, places, engines, options.cache)));
      continue;
    }
    const boards = places.filter((place) => place !== HOST).map(loadBoard);
    for (const engine of BUILD_ENGINES.filter((name) => engines.includes(name))) {
      kernels.push(...(await measureKernels(engine, boards, say)));
    }
  }
  return { rows, kernels };
}

async function measureExample(
  example: string,
  places: readonly string[],
  engines: readonly string[],
  cache: boolean,
): Promise<Row[]> {
  const rows: Row[] = [];
  const boards = places.filter((place) => place !== HOST).map(loadBoard);
  const products = BUILD_ENGINES.filter((engine) => engines.includes(engine));
  for (const rival of RIVALS.filter(({ name }) => engines.includes(name))) {
    if (rival.source && !packageFolder(rival.source)) {
      say(`${example}: ${rival.name} is left out; its sources are fetched by: npm run bench -- --fetch`);
      continue;
    }
    for (const board of boards) {
      say(`${example}: ${rival.name} on ${board.name}`);
      const row = await rivalRow(rival, example, board);
      if (row) rows.push(row);
    }
  }
  if (places.includes(HOST)) rows.push(measureReference(example));
  for (const engine of products) {
    for (const variant of variantsOf(example, engine)) {
      const builds = new Map<string | undefined, CompiledModel | undefined>();
      const buildFor = async (isa: string | undefined) => {
        if (!builds.has(isa)) {
          say(`${example}: building for ${engine} (${[variantText(variant), isa].filter(Boolean).join(', ')})`);
          builds.set(isa, await unlessImpossible(() => compileVariant(example, variant, engine, cache, isa)));
        }
        return builds.get(isa);
      };
      for (const board of boards) {
        // Formats of the native engines depend on the instruction set.
        const compiled = await buildFor(engine === 'wasm3' ? undefined : board.isa);
        if (!compiled) continue;
        say(`${example}: ${engine} on ${board.name} (${variantText(variant)})`);
        const row = await unlessImpossible(async () => measureProduct(example, variant, compiled, board));
        if (row) rows.push(row);
      }
      const compiled = places.includes(HOST) ? await buildFor(engine === 'wasm3' ? undefined : HOST_ISA) : undefined;
      if (compiled) rows.push(...(await measureHost(example, variant, compiled)));
    }
  }
  return rows;
}

/** A build that cannot keep its tolerance, or that a board has no room for, has no row; why is said. */
async function unlessImpossible<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof PinnEdgeError && (error.code === 'PE4001' || error.code === 'PE4002'))) throw error;
    say(`left out: ${error.message}`);
    return undefined;
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await run(command.parse(process.argv).opts<Options>());
} catch (error) {
  if (error instanceof PinnEdgeError) {
    process.stderr.write(`error ${error.code}: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  } else {
    throw error;
  }
}
