import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { GOALS } from '../compiler/code/cost/goal.js';
import { BUILD_ENGINES } from '../compiler/code/engines/build-engine.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { compile, loadModel } from '../compiler/index.js';
import { exampleModelFile, exampleNames } from './examples.js';

/** `npm run bytes`: whether builds have the bytes that they had, for changes that are to change nothing. */

const HELP = `Builds every example for every engine and goal, and prints a hash of each block table and module.

  npm run bytes -- [--model a,b] [--compressed a,b] [--write file] [--against file]

  --model <names>       these examples, separated by commas (default: all)
  --compressed <names>  these compressed, besides, in all builds (default: front)
  --tol <t>             relative tolerance (default: 1e-2)
  --write <file>        keep the hashes in a file
  --against <file>      compare with the hashes in a file; exit code 1 where one differs
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      compressed: { type: 'string', default: 'front' },
      tol: { type: 'string', default: '1e-2' },
      write: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const whole = values.model?.split(',') ?? exampleNames();
  const builds = [
    ...whole.map((name) => ({ name, compressed: false })),
    ...values.compressed.split(',').flatMap((name) => (name ? [{ name, compressed: true }] : [])),
  ];
  const wanted = values.against ? new Set(readFileSync(values.against, 'utf8').split('\n')) : undefined;
  const lines: string[] = [];
  for (const { name, compressed } of builds) {
    const model = loadModel(exampleModelFile(name));
    for (const engine of BUILD_ENGINES) {
      for (const goal of GOALS) {
        const options = { engine, goal, tolerance: Number(values.tol), compress: compressed ? {} : undefined };
        const { table, wasm } = await compile(model, options);
        const line = `${name} ${engine} ${goal} ${compressed ? 'compressed' : 'whole'} ${hash(table)} ${hash(wasm)}`;
        lines.push(line);
        const differs = wanted && !wanted.has(line);
        process.stdout.write(`${line}${differs ? '  DIFFERS' : ''}\n`);
        if (differs) process.exitCode = 1;
      }
    }
  }
  if (values.write) writeFileWhole(values.write, `${lines.join('\n')}\n`);
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

await main();
