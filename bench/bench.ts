import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine, createWasm3Engine, type Runnable } from '../compiler/engines/create.js';
import { inputWordFormats, toWords } from '../compiler/engines/types.js';
import { compile, loadModel } from '../compiler/index.js';
import { linearMemoryBytes } from '../compiler/package/memory.js';
import { loadTarget } from '../compiler/package/targets.js';
import { PACKAGE_ROOT } from '../compiler/package-root.js';
import { evaluateReference } from '../compiler/reference/evaluate.js';
import { inputBox, interiorPoints } from '../compiler/sample/points.js';

/**
 * `npm run bench [-- --json | --write]`: for every example, the build time per stage, the sizes, and the time per answer under
 * wasm3, in V8 and of the float64 reference. Times are of this machine, side by side in one run: compare their ratios.
 */

const PREFACE = `# Benchmarks

Written by \`npm run bench -- --write\`, every example at tolerance 1e-3 without compression. Times are of the machine
that ran it, the fastest of several rounds, side by side in one run: compare their ratios. Heap and native stack are
those of wasm3 on the 64-bit host, without tail calls as on an ESP32.
`;

const EXAMPLES = ['burgers', 'heat-rod', 'poisson-wide', 'front', 'battery-spm'];
const TOLERANCE = 1e-3;
const POINTS = 2000;
const ROUNDS = 5;

interface Row {
  example: string;
  tolerance: number;
  seconds: Record<string, number>;
  wasmBytes: number;
  modelBytes: number;
  memoryBytes: number;
  wasm3HeapBytes: number;
  nativeStackBytes: number;
  maxRelative: number;
  /** Microseconds per answer. */
  wasm3: number;
  v8: number;
  reference: number;
}

async function measure(example: string): Promise<Row> {
  const model = loadModel(join(PACKAGE_ROOT, 'examples', example, 'model.json'));
  const target = loadTarget('esp32');
  const compiled = await compile(model, { tolerance: TOLERANCE });
  const runnable: Runnable = {
    wasm: compiled.wasm,
    table: compiled.table,
    memoryBytes: linearMemoryBytes(compiled.table.length, compiled.lowered.table.arenaBytes),
    inputCount: model.inputs.length,
    outputCount: model.outputs.length,
    wasm3: { stackBytes: target.wasm3.stackBytes, tailCalls: target.tailCalls },
  };
  const points = interiorPoints(inputBox(model.inputs), POINTS);
  const words = toWords(points, inputWordFormats(compiled.lowered.table));
  const asOnTarget = createWasm3Engine(runnable);
  asOnTarget.run(words.subarray(0, 10 * model.inputs.length));
  const usage = asOnTarget.usage();
  asOnTarget.dispose();
  const wasm3 = createWasm3Engine({ ...runnable, wasm3: { ...runnable.wasm3, tailCalls: true } });
  const v8 = await createEngine('v8', runnable);
  const row: Row = {
    example,
    tolerance: TOLERANCE,
    seconds: Object.fromEntries(compiled.stages.map(({ stage, seconds }) => [stage, seconds])),
    wasmBytes: compiled.wasm.length,
    modelBytes: compiled.table.length,
    memoryBytes: runnable.memoryBytes,
    wasm3HeapBytes: usage.peakHeapBytes,
    nativeStackBytes: usage.nativeStackBytes,
    maxRelative: Math.max(...compiled.measured.outputs.map((o) => o.maxRelative)),
    wasm3: fastest(() => wasm3.run(words)),
    v8: fastest(() => v8.run(words)),
    reference: fastest(() => evaluateReference(model, points)),
  };
  wasm3.dispose();
  return row;
}

/** Microseconds per point of the fastest of several rounds, after one to warm up. */
function fastest(run: () => void): number {
  run();
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return (Math.min(...times) * 1000) / POINTS;
}

function table(rows: readonly Row[]): string {
  const header = [
    'example',
    'error',
    'analyse s',
    'quantise s',
    'asc s',
    'module B',
    'model B',
    'memory B',
    'wasm3 heap B',
    'native stack B',
    'wasm3 us',
    'V8 us',
    'float64 us',
    'wasm3 / V8',
    'wasm3 / float64',
  ];
  const cells = rows.map((r) => [
    r.example,
    r.maxRelative.toExponential(1),
    r.seconds['ir'].toFixed(2),
    r.seconds['quantize'].toFixed(2),
    r.seconds['compile'].toFixed(2),
    String(r.wasmBytes),
    String(r.modelBytes),
    String(r.memoryBytes),
    String(r.wasm3HeapBytes),
    String(r.nativeStackBytes),
    r.wasm3.toFixed(1),
    r.v8.toFixed(1),
    r.reference.toFixed(1),
    (r.wasm3 / r.v8).toFixed(1),
    (r.wasm3 / r.reference).toFixed(1),
  ]);
  const lines = [header, header.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

const rows: Row[] = [];
for (const example of EXAMPLES) {
  process.stderr.write(`${example} ...\n`);
  rows.push(await measure(example));
}
if (process.argv.includes('--write'))
  writeFileSync(join(PACKAGE_ROOT, 'docs/benchmarks.md'), `${PREFACE}\n${table(rows)}`);
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
