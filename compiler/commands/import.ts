import { Command } from 'commander';
import { PinnEdgeError, plural } from '../diagnostics.js';
import { nodeFiles } from '../host/node-files.js';
import { writeFileWhole } from '../host/write-file.js';
import { shortenNames } from '../import/name-ranges.js';
import { initialSpec } from '../import/spec-init.js';
import { type ModelInput, parameterCount } from '../model/types.js';
import { writeModel } from '../model/write.js';
import { requireModelPlace } from './model-place.js';
import { writeOut } from './output.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, withModelOptions } from './read-model.js';

interface ImportCommandOptions extends ModelOptions {
  out?: string;
  init?: boolean;
  json?: boolean;
}

export function importCommand(): Command {
  const command = new Command('import')
    .description('turn what a framework saved into a pinn-edge/1 model; --init writes a spec to fill in')
    .argument('<file>', MODEL_ARGUMENT)
    .option(
      '-o, --out <file>',
      'model to write, weights beside it in .safetensors (with --init: the spec; default: printed)',
    )
    .option('--init', 'write a commented spec of what the file does not say, to be given with --spec')
    .option('--json', 'print what was imported as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge import net.onnx --input x=-1:1:m --input t=0:1:s --output u -o model.json
  $ pinn-edge import checkpoint.pt --init -o spec.json
  $ pinn-edge import checkpoint.pt --spec spec.json -o model.json
  $ pinn-edge import deeponet.pt --input 'u[0:101]=-1:1' --input y=0:1:m -o model.json
  $ pinn-edge import net.onnx --input x=0:1 --input nu=0.01:0.1 --fix nu=0.05 --outputs u -o model.json`,
    )
    .action(run);
  return withModelOptions(command);
}

async function run(file: string, options: ImportCommandOptions): Promise<void> {
  if (options.init) {
    const spec = await initialSpec(file, nodeFiles);
    if (options.out) writeFileWhole(options.out, spec);
    else writeOut(spec);
    return;
  }
  if (!options.out)
    throw new PinnEdgeError('PE3005', { option: '-o', reason: 'is missing: give the model file to write' });
  requireModelPlace(options.out, file);
  const model = await readModel(file, options, options.json);
  writeModel(options.out, model);
  if (options.json) {
    const { name, inputs, outputs } = model;
    writeOut(`${JSON.stringify({ file: options.out, name, inputs, outputs, parameters: parameterCount(model) })}\n`);
  } else {
    const inputs = inputList(model.inputs);
    const outputs = model.outputs.map((o) => o.name).join(', ');
    writeOut(`${model.name}: ${inputs} -> ${outputs}, ${plural(parameterCount(model), 'parameter')}\n${options.out}\n`);
  }
}

/** `x -1 .. 1 m, t 0 .. 1`; long runs of one range are `u[0:101] -1 .. 1`. */
function inputList(inputs: readonly ModelInput[]): string {
  const box = ({ min, max, unit }: ModelInput) => `${min} .. ${max}${unit ? ` ${unit}` : ''}`;
  const groups: ModelInput[][] = [];
  for (const input of inputs) {
    const last = groups.at(-1);
    if (last && box(last[0]) === box(input)) last.push(input);
    else groups.push([input]);
  }
  return groups
    .flatMap((group) => shortenNames(group.map(({ name }) => name)).map((name) => `${name} ${box(group[0])}`))
    .join(', ');
}
