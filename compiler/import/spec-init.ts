import { PinnEdgeError } from '../diagnostics.js';
import type { FileReader } from '../host/file-reader.js';
import { legalIdentifier } from './builder.js';
import { detectFormat, FORMATS } from './detect.js';
import { modelName } from './finish.js';
import { readNetwork } from './import.js';
import { denseCandidates, naturalOrder } from './infer.js';
import { foldParametrizations } from './parametrizations.js';
import type { Imported } from './source.js';

/**
 * The spec that `pinn-edge import <file> --init` writes: everything that the file tells, and commented lines for what
 * it does not. It is valid as it is, but for the ranges, which are asked for.
 */
export async function initialSpec(file: string, files: FileReader): Promise<string> {
  const known = await tensorsOf(file, files);
  const imported = await networkIfInferable(file, files);
  const base = file.split(/[\\/]/).at(-1) ?? file;
  return [
    `// What ${base} does not say about its network. Fill in the ranges and what else applies, then:`,
    `//   pinn-edge import ${base} --spec <this file> -o model.json`,
    '{',
    `  "name": ${JSON.stringify(modelName(file))},`,
    '',
    ...inputLines(imported),
    '',
    ...(known ? networkLines(known, imported) : graphLines()),
    '',
    ...outputLines(imported),
    '}',
    '',
  ].join('\n');
}

interface KnownTensors {
  /** `name: shape` of the layers in order, and of all other tensors. */
  layers: { name: string; shape: string }[];
  rest: { name: string; shape: string }[];
}

/** Tensors of a file without a graph. */
async function tensorsOf(file: string, files: FileReader): Promise<KnownTensors | undefined> {
  const bytes = files.read(file);
  if (!bytes) throw new PinnEdgeError('PE1001', { file, reason: 'there is no such file' });
  const format = detectFormat(file, bytes);
  if (!format) throw new PinnEdgeError('PE7001', { file });
  const read = await FORMATS[format].tensors?.();
  if (!read) return undefined;
  try {
    const raw = read(bytes);
    if (!raw) return undefined;
    const tensors = foldParametrizations(raw, []);
    const { candidates, rest } = denseCandidates(tensors);
    const shapeOf = (name: string) => `[${tensors.get(name)!.shape.join(', ')}]`;
    return {
      layers: candidates.map(({ name, weightName }) => ({ name, shape: shapeOf(weightName) })),
      rest: [...rest].sort(naturalOrder).map((name) => ({ name, shape: shapeOf(name) })),
    };
  } catch {
    // What is wrong with the bytes is said when the network is read.
    return undefined;
  }
}

async function networkIfInferable(file: string, files: FileReader): Promise<Imported | undefined> {
  try {
    return (await readNetwork(file, files)).imported;
  } catch (error) {
    if (error instanceof PinnEdgeError && (error.code === 'PE7007' || error.code === 'PE7006')) return undefined;
    throw error;
  }
}

function inputLines(imported: Imported | undefined): string[] {
  const lists = imported ? [...imported.networks.values()].map(({ columns }) => columns) : [];
  const columns = imported?.join === 'dot' ? lists.flat() : (lists[0] ?? [undefined]);
  const facts = '/* , "min": -1, "max": 1, "unit": "m", "normalize": { "mean": 0, "std": 1 } */';
  const entries = columns.map((name, i) => `    { "name": ${JSON.stringify(name ?? `x${i}`)} ${facts} }`);
  return [
    "  // In the order of the network's input columns. A range is the box over which the device will answer.",
    '  "inputs": [',
    entries.join(',\n'),
    '  ],',
    '  // Where the network reads something else than its inputs, one expression per column:',
    '  // "networkInputs": ["cos(pi*x0)", "sin(pi*x0)"],',
    '  // "constants": { "nu": 0.01 },',
  ];
}

function networkLines({ layers, rest }: KnownTensors, imported: Imported | undefined): string[] {
  const networks = [...(imported?.networks ?? [])];
  const shapes = new Map(layers.map(({ name, shape }) => [name, shape]));
  const layerLines = (names: readonly string[], indent: string) =>
    names.map(
      (name, i) => `${indent}${JSON.stringify(name)}${i + 1 < names.length ? ',' : ''} // ${shapes.get(name) ?? ''}`,
    );
  const others = rest.length
    ? ['  // Other tensors, which expressions may name:', ...rest.map(({ name, shape }) => `  //   ${name} ${shape}`)]
    : [];
  const help = [
    '  // Activations: tanh, sin, cos, sigmoid, silu, gelu, gelu_tanh, relu, leaky_relu, elu, selu, softplus, mish, atan,',
    '  // exp, none, ... A layer may say more than its name: { "layer": "...", "activation": "sin", "omega": 30, "slope": 1 },',
    '  // { "fourier": "B" }, { "residual": ["...", "..."] }; see import-spec.schema.json.',
  ];
  if (networks.length <= 1) {
    const names = networks[0]?.[1].layers ?? layers.map(({ name }) => name);
    return [
      ...help,
      '  "network": {',
      '    "activation": "tanh",',
      '    "layers": [',
      ...layerLines(names, '      '),
      '    ]',
      '  },',
      ...others,
    ];
  }
  let column = 0;
  const lines = networks.flatMap(([name, network], i) => {
    const first = column;
    if (imported?.join === 'dot') column += network.columns.length;
    const inputs = network.columns.map((_, k) => `x${first + k}`);
    return [
      `    ${JSON.stringify(name)}: {`,
      `      "inputs": ${JSON.stringify(inputs).replaceAll(',', ', ')},`,
      '      "activation": "tanh",',
      '      "layers": [',
      ...layerLines(network.layers ?? [], '        '),
      '      ]',
      `    }${i + 1 < networks.length ? ',' : ''}`,
    ];
  });
  return [...help, '  "networks": {', ...lines, '  },', ...others];
}

function graphLines(): string[] {
  return ['  // The file has its graph: layers and activations are not needed.'];
}

function outputLines(imported: Imported | undefined): string[] {
  const names = imported?.outputs ?? [];
  if (imported?.join === 'dot') {
    const product = `dot(${[...imported.networks.keys()].join(', ')})`;
    const bias = imported.numbers?.('b')?.length === 1 ? ' + b' : '';
    return ['  "outputs": [', `    { "name": "u", "expression": ${JSON.stringify(product + bias)} }`, '  ]'];
  }
  const example = '/* , "unit": "m/s", "scale": 1, "offset": 0, "expression": "x0*(1 - x0)*N" */';
  const entries = (names.length ? names : ['u']).map(
    (name) => `    { "name": ${JSON.stringify(legalIdentifier(name, 'u'))} ${example} }`,
  );
  return [
    "  // In the order of the network's outputs, or with an expression of inputs, constants and N (N[0], N[1], ...).",
    '  "outputs": [',
    entries.join(',\n'),
    '  ]',
  ];
}
