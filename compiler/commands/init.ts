import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { Command } from 'commander';
import { BUILD_DEFAULTS } from '../deliver/build.js';
import { loadTarget } from '../deliver/package/targets.js';
import { PinnEdgeError } from '../diagnostics.js';
import { nodeFiles } from '../host/node-files.js';
import { makeFolder, writeFileWhole } from '../host/write-file.js';
import { loadModel } from '../model/load.js';
import { writeModel } from '../model/write.js';
import { writeOut } from './output.js';

interface InitOptions {
  model: string;
  target: string;
  input: string[];
}

export function initCommand(): Command {
  return new Command('init')
    .description('make a project of your own: model, scripts that build and verify it, a workflow for CI')
    .argument('<folder>', 'a new or empty folder')
    .requiredOption('--model <file>', 'pinn-edge/1 model, or what your framework saved')
    .option('--target <name>', 'target to build for (see: pinn-edge targets)', BUILD_DEFAULTS.target)
    .option('--input <name=min:max>', 'as of `build`, for what is imported; once per input', collect, [])
    .addHelpText(
      'after',
      `
The folder then has a copy of the model, package.json with the scripts build and verify, .gitignore, and
.github/workflows/model.yml, which holds every change to the tolerance.

Examples:
  $ pinn-edge init rod --model model.json --target cortex-m4
  $ pinn-edge init shock --model net.onnx --input x=-1:1:m --input t=0:1:s`,
    )
    .action(run);
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
}

function run(folder: string, { model, target, input }: InitOptions): void {
  loadTarget(target);
  if (existsSync(folder) && readdirSync(folder).length) {
    throw new PinnEdgeError('PE3005', { option: '<folder>', reason: `${folder} is not empty; name a new folder` });
  }
  const isOwn = extname(model) === '.json';
  // Anything wrong with a model is said before a folder is made of it; what is imported is read by the first build.
  const own = isOwn ? loadModel(model, nodeFiles) : undefined;
  if (!own && !existsSync(model)) throw new PinnEdgeError('PE1001', { file: model, reason: 'there is no such file' });
  makeFolder(folder);
  const name = basename(model);
  if (own) writeModel(join(folder, name), own);
  else copyFileSync(model, join(folder, name));
  const build = ['pinn-edge build', name, ...input.map((one) => `--input ${one}`), '--target', target].join(' ');
  const scripts = { build, verify: `pinn-edge verify build/${target}`, report: `pinn-edge report build/${target}` };
  const project = { name: basename(folder), private: true, scripts };
  writeFileWhole(join(folder, 'package.json'), `${JSON.stringify(project, null, 2)}\n`);
  writeFileWhole(join(folder, '.gitignore'), 'node_modules/\nbuild/\n');
  writeFileWhole(join(folder, '.github', 'workflows', 'model.yml'), WORKFLOW);
  writeOut(`${folder}/   ${name}  package.json  .gitignore  .github/workflows/model.yml
  next: npm install --save-dev <where you have pinn-edge from>    npm run build && npm run verify\n`);
}

const WORKFLOW = `on: [push, pull_request]
jobs:
  model:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 20 }
      - run: npm ci
      - run: npm run build
      - run: npm run verify
      - uses: actions/upload-artifact@v4
        with: { name: report, path: build/*/report.html }
`;
