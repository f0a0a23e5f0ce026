import { legalIdentifier } from './builder.js';
import { shortenNames } from './name-ranges.js';
import type { Assumable, Layout } from './network-spec.js';
import { vectorLines } from './spec-vector.js';

/** Writes the spec that `--init` drafts, with comments for whoever fills it in. */

export interface DraftNetwork {
  name: string;
  layers: string[];
  activation: string;
  outputActivation: string;
  /** Fields that nothing in the file tells. */
  assumed: Assumable[];
  layout?: Layout;
  /** Names of the layers U and V. */
  gates?: string[];
  /** Layers around which the input may be added. */
  blocks?: string[];
  /** Its columns, where there are several networks. */
  inputs?: string[];
}

export interface DraftSpec {
  /** Name of the file. */
  base: string;
  name: string;
  /** Why no network was found. */
  reason?: string;
  columns: string[];
  outputs: { name: string; expression?: string }[];
  /** Undefined for a file with its graph. */
  networks?: DraftNetwork[];
  /** Shapes of the matrices by the names of their layers. */
  shapes?: Map<string, string>;
  /** Tensors that no layer of the draft reads, and the field that most likely says what each is for. */
  rest?: { name: string; shape: string; field: string }[];
  /** Names of tensors that inputs or outputs may be normalised with. */
  bounds?: string[];
  constants?: Record<string, string>;
  /** The file holds one vector and nothing else. */
  vector?: { name: string; length: number };
  /** A DeepONet of several outputs, which is joined without expressions. */
  manyBiases?: boolean;
}

export function specText(draft: DraftSpec): string {
  const { base, name, reason } = draft;
  return [
    `// What ${base} does not say about its network. Fill in the ranges and what else applies, then:`,
    `//   pinn-edge import ${base} --spec <this file> -o model.json`,
    ...(reason ? [`// ${reason}`] : []),
    '{',
    `  "name": ${JSON.stringify(name)},`,
    '',
    ...inputLines(draft),
    '',
    ...(draft.networks ? tensorLines(draft, draft.networks) : GRAPH),
    '',
    ...outputLines(draft),
    '}',
    '',
  ].join('\n');
}

const GRAPH = ['  // The file has its graph: layers and activations are not needed.'];

function inputLines({ columns, bounds = [], constants }: DraftSpec): string[] {
  const facts = `/* , "min": -1, "max": 1, "unit": "m", "normalize": ${normalization(bounds)} */`;
  const entries = shortenNames(columns).map((name) => `    { "name": ${JSON.stringify(name)} ${facts} }`);
  return [
    "  // In the order of the network's input columns. A range is the box over which the device will answer.",
    '  "inputs": [',
    entries.join(',\n'),
    '  ],',
    '  // Where the network reads something else than its inputs, one expression per column:',
    '  // "networkInputs": ["cos(pi*x0)", "sin(pi*x0)"],',
    '  // "name": "x[0:3]" stands for x0, x1 and x2. Further files whose tensors "normalize" and "constants" may name:',
    '  // "files": ["scaler.npz"],',
    ...(constants ? [`  "constants": ${spaced(constants)},`] : ['  // "constants": { "nu": 0.01 },']),
  ];
}

/** With the names of the file's own tensors, where it has such. */
function normalization(bounds: readonly string[]): string {
  const find = (pattern: RegExp) => bounds.find((name) => pattern.test(name));
  const [low, high] = [find(/lb|min|low/i), find(/ub|max|high|upper/i)];
  if (low && high) return `{ "min": ${JSON.stringify(low)}, "max": ${JSON.stringify(high)} }`;
  const [mean, std] = [find(/mean|mu/i), find(/std|sigma|scale/i)];
  if (mean && std) return `{ "mean": ${JSON.stringify(mean)}, "std": ${JSON.stringify(std)} }`;
  return '{ "mean": 0, "std": 1 }';
}

const HELP = [
  '  // Activations: tanh, sin, cos, sigmoid, silu, gelu, gelu_tanh, relu, leaky_relu, elu, selu, softplus, mish, atan,',
  '  // exp, none, ... A layer may say more than its name: { "layer": "...", "activation": "sin", "omega": 30, "slope": 1 },',
  '  // { "fourier": "B" }, { "residual": ["...", "..."] }, { "layerNorm": "..." }, { "prelu": "..." }; see',
  '  // import-spec.schema.json. "assumed" lists what the file does not tell: take out what you have checked.',
];

function tensorLines(draft: DraftSpec, networks: readonly DraftNetwork[]): string[] {
  if (draft.vector) return vectorLines(draft.vector);
  const isOne = networks.length <= 1 && networks[0]?.inputs === undefined;
  const own = isOne
    ? networks.flatMap((network) => networkLines(draft, network, '  "network": ', '  ', ','))
    : [
        '  "networks": {',
        ...networks.flatMap((network, i) =>
          networkLines(
            draft,
            network,
            `    ${JSON.stringify(network.name)}: `,
            '    ',
            i + 1 < networks.length ? ',' : '',
          ),
        ),
        '  },',
      ];
  return [
    ...HELP,
    ...(networks.length ? own : ['  // "network": { "activation": "tanh", "layers": ["..."] },']),
    ...restLines(draft),
  ];
}

function networkLines(draft: DraftSpec, network: DraftNetwork, title: string, indent: string, end: string): string[] {
  const { layers, activation, outputActivation, assumed, layout, gates, blocks = [], inputs } = network;
  const inner = `${indent}  `;
  const mark = (field: Assumable) => (assumed.includes(field) ? ' // assumed: the file does not say' : '');
  const lines = layers.map((name, i) => {
    const comma = i + 1 < layers.length ? ',' : '';
    const block = blocks.includes(name) ? `; { "residual": [${JSON.stringify(name)}] } where its input is added` : '';
    return `${inner}  ${JSON.stringify(name)}${comma} // ${draft.shapes?.get(name) ?? ''}${block}`;
  });
  return [
    `${title}{`,
    ...(inputs ? [`${inner}"inputs": ${spaced(shortenNames(inputs))},`] : []),
    `${inner}"activation": ${JSON.stringify(activation)},${mark('activation')}`,
    ...(outputActivation !== 'none' || assumed.includes('outputActivation')
      ? [`${inner}"outputActivation": ${JSON.stringify(outputActivation)},${mark('outputActivation')}`]
      : []),
    ...(layout ? [`${inner}"layout": ${JSON.stringify(layout)},${mark('layout')}`] : []),
    ...(gates ? [`${inner}"gates": ${spaced({ u: gates[0], v: gates[1] })},${mark('gates')}`] : []),
    ...(assumed.length ? [`${inner}"assumed": ${spaced(assumed)},`] : []),
    `${inner}"layers": [${mark('layers')}`,
    ...lines,
    `${inner}]`,
    `${indent}}${end}`,
  ];
}

function restLines({ rest = [] }: DraftSpec): string[] {
  if (!rest.length) return [];
  return [
    '  // Other tensors, which the import refuses to leave out: say what each is for, as the field after it may, or',
    '  // name it in expressions or in "ignore":',
    ...rest.map(({ name, shape, field }) => `  //   ${name} ${shape}: ${field}`),
  ];
}

function outputLines({ outputs, manyBiases }: DraftSpec): string[] {
  const example = '/* , "unit": "m/s", "scale": 1, "offset": 0, "expression": "x0*(1 - x0)*N" */';
  const entries = outputs.map(({ name, expression }) => {
    const legal = JSON.stringify(legalIdentifier(name, 'u'));
    return expression
      ? `    { "name": ${legal}, "expression": ${JSON.stringify(expression)} }`
      : `    { "name": ${legal} ${example} }`;
  });
  return [
    "  // In the order of the network's outputs, or with an expression of inputs, constants and N (N[0], N[1], ...).",
    ...(manyBiases ? ['  // Each is the dot product of a part of branch and trunk, plus its bias.'] : []),
    '  "outputs": [',
    entries.join(',\n'),
    '  ]',
  ];
}

/** JSON in one line, with spaces. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
}
