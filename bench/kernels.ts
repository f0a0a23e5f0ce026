import type { BuildEngine } from '../compiler/code/engines/build-engine.js';
import type { Precision } from '../compiler/formats/plan.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { compile } from '../compiler/pipeline/compile.js';
import type { Board } from '../compiler/run/boards/boards.js';
import { runOnBoard } from './product.js';
import { randoms } from './random.js';

/**
 * What one multiply-accumulate costs in a dense kernel, and one element in a function table: the difference between two
 * networks, one of which has more of it, divided by how much more. Rounding and storing a row is in the figure.
 */
export interface KernelRow {
  kernel: string;
  engine: string;
  board: string;
  /** Instructions per multiply-accumulate, or per element of a function. */
  instructions: number;
}

/** Inputs of a dense layer. */
const WIDTH = 64;
/** Its rows, in groups of two and three; every output costs the compiler a search for the largest error. */
const [MORE, LESS] = [18, 6];
/** Wide enough for the narrowest weights. */
const TOLERANCE = 0.5;
const POINTS = 8;

const PRECISIONS: readonly Precision[] = ['8', '16', '32'];
/** Measured beside a function that is there anyway. */
const FUNCTIONS = ['tanh', 'sin'] as const;

export async function measureKernels(
  engine: BuildEngine,
  boards: readonly Board[],
  say: (text: string) => void,
): Promise<KernelRow[]> {
  const rows: KernelRow[] = [];
  const spent = async (model: Model, precision: Precision) => {
    const compiled = await compile(model, { tolerance: TOLERANCE, precision, engine, goal: 'speed' });
    return boards.map((board) => runOnBoard(compiled, board, POINTS).instructions);
  };
  const add = (kernel: string, more: number[], less: number[], count: number) => {
    boards.forEach(({ name }, b) => {
      rows.push({ kernel, engine, board: name, instructions: (more[b] - less[b]) / count });
    });
  };
  for (const precision of PRECISIONS) {
    say(`kernels: dense, ${precision} bits, ${engine}`);
    const [more, less] = [await spent(network(MORE), precision), await spent(network(LESS), precision)];
    add(`dense, rows of ${WIDTH}, ${precision} bits`, more, less, (MORE - LESS) * WIDTH);
  }
  const without = await spent(layer(['exp']), '16');
  for (const name of FUNCTIONS) {
    say(`kernels: ${name}, ${engine}`);
    add(`${name}, 16 bits`, await spent(layer(['exp', name]), '16'), without, MORE);
  }
  return rows;
}

type Node = Record<string, unknown>;

/** Two inputs, 64 tanh neurons, and a dense layer of `rows` neurons, each an output. */
function network(rows: number): Model {
  const nodes = [
    { name: 'hidden', op: 'tanh', inputs: ['first'] },
    { name: 'last', op: 'dense', inputs: ['hidden'], weight: 'second' },
  ];
  return modelOf(WIDTH, nodes, ['last'], rows);
}

/** Two inputs, 18 neurons, and functions of them, each element an output. */
function layer(functions: readonly string[]): Model {
  const nodes = functions.map((op) => ({ name: op, op, inputs: ['first'] }));
  return modelOf(MORE, nodes, functions, MORE);
}

/** @param width of the first layer @param rows of the second, and outputs that every value gives */
function modelOf(width: number, nodes: readonly Node[], values: readonly string[], rows: number): Model {
  const next = randoms(7);
  const matrix = (height: number, cols: number) => ({
    shape: [height, cols],
    data: Array.from({ length: height * cols }, () => Math.fround(next())),
  });
  const json = {
    format: 'pinn-edge/1',
    name: 'kernel',
    inputs: ['x', 'y'].map((name) => ({ name, min: -1, max: 1 })),
    outputs: values.flatMap((value) =>
      Array.from({ length: rows }, (_, index) => ({ name: `${value}${index}`, value, index })),
    ),
    tensors: { first: matrix(width, 2), second: matrix(rows, width) },
    nodes: [
      { name: 'point', op: 'concat', inputs: ['x', 'y'] },
      { name: 'first', op: 'dense', inputs: ['point'], weight: 'first' },
      ...nodes,
    ],
  };
  const text = new TextEncoder().encode(JSON.stringify(json));
  return loadModel('kernel.json', { read: () => text, beside: (_file, name) => name });
}
