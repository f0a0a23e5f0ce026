import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { plural } from '../diagnostics.js';
import { nodeFiles, readText } from '../host/node-files.js';
import { requireNoForeignFolder } from '../import/detect.js';
import { type StateRange, stateRanges } from '../judge/state-ranges.js';
import {
  allOutputs,
  DEFAULT_SPLINE_DEGREE,
  type Model,
  type ModelNode,
  nodeInputs,
  parameterCount,
} from '../model/types.js';
import { bytes, columns, count, error, writeOut } from './output.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, requireNoModelOptions, withModelOptions } from './read-model.js';

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('show the graph of a model, or the formats, table and sizes of a build')
    .argument('<model|build>', `${MODEL_ARGUMENT}; or a folder that pinn-edge build wrote`)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge inspect examples/heat-rod/model.json
  $ pinn-edge inspect build/esp32`,
    )
    .action(run);
  return withModelOptions(command);
}

async function run(path: string, options: ModelOptions & { json?: boolean }, command: Command): Promise<void> {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (isFolder) {
    requireNoForeignFolder(path, nodeFiles);
    requireNoModelOptions(command, path);
    const build = loadBuild(path);
    writeOut(options.json ? `${JSON.stringify(build.report, null, 2)}\n` : buildText(build));
  } else {
    const model = await readModel(path, options);
    writeOut(options.json ? `${JSON.stringify(modelFacts(model), null, 2)}\n` : modelText(model));
  }
}

function modelFacts(model: Model) {
  const { name, description, inputs, outputs, tolerance, physics } = model;
  const state = model.state && stateRanges(model);
  const nodes = model.nodes.map((node) => ({
    name: node.name,
    op: node.op,
    inputs: nodeInputs(node),
    width: model.widths.get(node.name),
    structure: structureText(model, node) || undefined,
  }));
  const tensors = [...model.tensors].map(([tensor, { shape }]) => ({ name: tensor, shape }));
  const facts = { name, description, inputs, outputs, state, tolerance };
  return { ...facts, parameters: parameterCount(model), nodes, tensors, physics };
}

function modelText(model: Model): string {
  const rows = model.nodes.map((node) => {
    return [
      node.name,
      node.op,
      nodeInputs(node).join(', '),
      `[${model.widths.get(node.name)}]`,
      structureText(model, node),
    ];
  });
  const parameters = parameterCount(model);
  return [
    `${model.name}: ${plural(parameters, 'parameter')}, ${bytes(4 * parameters)} as float32\n`,
    model.description ? `${model.description}\n` : '',
    '\ninputs\n',
    columns(model.inputs.map((i) => [i.name, `${i.min} .. ${i.max}`, i.unit ?? '', i.description ?? ''])),
    '\noutputs\n',
    columns(
      allOutputs(model).map((o) => [
        model.hidden?.includes(o) ? `(${o.name})` : o.name,
        o.expression ?? `${o.value}[${o.index ?? 0}]`,
        o.unit ?? '',
        o.description ?? '',
      ]),
    ),
    stateText(model.state ? stateRanges(model) : [], model.inputs),
    '\ngraph\n',
    columns(rows),
  ].join('');
}

/** The states of a step model with their next values, and where one step leads. */
function stateText(ranges: readonly StateRange[], inputs: Model['inputs']): string {
  if (!ranges.length) return '';
  const rows = ranges.map(({ input, output, min, max, leaves }) => {
    const range = inputs.find(({ name }) => name === input)!;
    const [from, to] = [min, max].map((value) => Number(value.toPrecision(4)));
    const share = leaves
      ? `${Number((100 * leaves).toPrecision(2))} % of the steps leave ${range.min} .. ${range.max}`
      : '';
    return [input, `next: ${output}`, `${from} .. ${to}`, share];
  });
  return `\nstate\n${columns(rows)}`;
}

/** Such as `W 64 x 64, 28 leaves (12 low rank, up to 5)`. */
function structureText(model: Model, node: ModelNode): string {
  const shape = (name: string) => model.tensors.get(name)!.shape;
  const bits = 'precision' in node && node.precision ? `, ${node.precision} bit` : '';
  switch (node.op) {
    case 'dense':
      return `W ${shape(node.weight).join(' x ')}${bits}`;
    case 'spline': {
      const [, ...along] = shape(node.coefficients);
      return `${along.join(' x ')} coefficients, degree ${node.degree ?? DEFAULT_SPLINE_DEGREE}${bits}`;
    }
    case 'low_rank': {
      const [[rows, rank], [, cols]] = [shape(node.left), shape(node.right)];
      return `W ${rows} x ${cols}, rank ${rank}${bits}`;
    }
    case 'tensor_train': {
      const cores = [...node.outputCores, ...node.inputCores].map(shape);
      return `cores ${cores.map((core) => core.join(' x ')).join(', ')}${bits}`;
    }
    case 'hierarchical': {
      const ranks = node.leaves.flatMap((leaf) => ('left' in leaf ? [shape(leaf.left)[1]] : []));
      const cols = node.inputs.reduce((sum, name) => sum + model.widths.get(name)!, 0);
      const low = ranks.length ? ` (${ranks.length} low rank, up to ${Math.max(...ranks)})` : '';
      return `W ${node.width} x ${cols}, ${node.leaves.length} leaves${low}`;
    }
    default:
      return '';
  }
}

function buildText({ report, directory }: LoadedBuild): string {
  const power = (exponent: number) => `2^-${exponent}`;
  return [
    `${report.name} for ${report.target}, built by pinn-edge ${report.pinnEdge}, model ${report.modelHash.slice(0, 16)}\n`,
    '\nerror\n',
    columns(
      report.outputs.map((o) => [o.name, o.unit ?? '', `max ${error(o.maxRelative)}`, `L2 ${error(o.relativeL2)}`]),
    ),
    stateText(report.state ?? [], report.inputs),
    '\nsizes\n',
    columns([
      ...(report.engine === 'c' ? [] : [['module', bytes(report.wasmBytes)]]),
      ['weights', bytes(report.weightBytes), `${bytes(report.float32Bytes)} as float32`],
      ['multiply-accumulates', count(report.macs), `${count(report.denseMacs)} before compression`],
      ['weights and table', bytes(report.modelBytes), `${bytes(report.float32Bytes)} as float32`],
      ...(report.engine === 'c'
        ? [['arena', bytes(report.arenaBytes)]]
        : [
            ['module memory', bytes(report.memoryBytes), `arena ${bytes(report.arenaBytes)}`],
            ['wasm3 heap', bytes(report.wasm3HeapBytes), 'estimate'],
            ['native stack', bytes(report.nativeStackBytes), 'estimate'],
          ]),
    ]),
    '\nvalues\n',
    columns(
      report.values.map((v) => [
        v.name,
        v.kind,
        `[${v.width}]`,
        `${v.min.toPrecision(3)} .. ${v.max.toPrecision(3)}`,
        `int${v.bits}`,
        power(v.exponent),
      ]),
    ),
    '\nlayers\n',
    columns(
      report.layers.map((l) => [
        l.name,
        `${l.rows} x ${l.cols}`,
        l.structure,
        l.blocks > 1 ? `${l.blocks} blocks` : '',
        l.ranks ? `rank ${l.ranks[0] === l.ranks[1] ? l.ranks[0] : l.ranks.join(' to ')}` : '',
        `int${l.bits.join('/')}`,
        `${l.bytes} B`,
        `${count(l.macs)} of ${count(l.denseMacs)} MACs`,
        `error ${error(l.error)}`,
      ]),
    ),
    '\nweights\n',
    columns(
      report.weights.map((w) => [
        w.name,
        `${w.rows} x ${w.cols}`,
        `int${w.bits}`,
        `${w.accumulatorPeakBits} of ${w.accumulatorBits} accumulator bits`,
      ]),
    ),
    '\nfunction tables\n',
    columns(
      report.tables.map((t) => [
        t.function,
        t.layout,
        `degree ${t.degree}`,
        `${t.segments} segments`,
        `${t.bytes} B`,
        `error ${error(t.maxError)}`,
      ]),
    ),
    '\nblock table\n',
    readText(join(directory, 'table.txt')),
  ].join('');
}
