import { PinnEdgeError, plural } from '../../diagnostics.js';
import type { GraphBuilder } from '../builder.js';
import { refuseLayers } from '../network-spec.js';
import type { Imported, ImportJob, NetworkOutput } from '../source.js';
import { ARITHMETIC } from './operations/arithmetic.js';
import { CONSTANTS } from './operations/constants.js';
import { CONVOLUTIONS } from './operations/convolutions.js';
import { JUMPS } from './operations/floor.js';
import { FUNCTION_OPERATIONS } from './operations/functions.js';
import { FUSED } from './operations/fused.js';
import { INDEXING } from './operations/indexing.js';
import { JOINING } from './operations/joining.js';
import { LOGIC } from './operations/logic.js';
import { NORMALISATIONS } from './operations/normalisations.js';
import { PRODUCTS } from './operations/products.js';
import { REDUCTIONS } from './operations/reductions.js';
import { SCATTER } from './operations/scatter.js';
import { SHAPES } from './operations/shapes.js';
import { SOFTMAX } from './operations/softmax.js';
import { decodeOnnx, type OnnxFunction, type OnnxModel, type OnnxNode, type OnnxValueInfo } from './proto.js';
import { readTensor } from './tensor.js';
import {
  attribute,
  constant,
  type Dim,
  type Handler,
  type OpContext,
  toVariable,
  type Value,
  type Variable,
} from './values.js';

/**
 * ONNX (opset 9 and later, https://onnx.ai/onnx/operators/): walks the graph in its order, computing what depends on
 * constants alone and translating the rest. The first axis of every input is the batch and disappears.
 */

const HANDLERS: Record<string, Handler> = {
  ...CONSTANTS,
  ...FUNCTION_OPERATIONS,
  ...ARITHMETIC,
  ...LOGIC,
  ...INDEXING,
  ...SHAPES,
  ...JOINING,
  ...PRODUCTS,
  ...REDUCTIONS,
  ...NORMALISATIONS,
  ...CONVOLUTIONS,
  ...FUSED,
  ...JUMPS,
  ...SCATTER,
  ...SOFTMAX,
};
const STANDARD_DOMAINS = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'];
const MAX_NODES = 100_000;
const MAX_CALL_DEPTH = 32;
const OLDEST_OPSET = 7;

const ADVICE: Record<string, string> = {
  LSTM: 'pinn-edge has no state between calls; export a feed-forward network',
  GRU: 'pinn-edge has no state between calls; export a feed-forward network',
  Loop: 'export with the loop unrolled (torch.onnx.export traces it when its length is fixed)',
  If: 'export with the branch taken once, or write it as torch.where',
};
const ADVICE_TREES = 'pinn-edge compiles networks, not trees, kernels or classifiers';
const ADVICE_OPTIMISED = 'it is an operation of an optimised graph: export before optimising';
const ADVICE_QUANTISED = 'it is an operation of a quantised graph: export the float model, before quantising';

/** What to do instead of an operation that is not known. */
function adviceFor({ opType, domain }: OnnxNode): string {
  if (/Quantize|^QLinear|Integer$|^QGemm|^QAttention|NBits$|^QOrdered/.test(opType)) return ADVICE_QUANTISED;
  if (domain === 'ai.onnx.ml') return ADVICE_TREES;
  if (domain?.startsWith('com.microsoft')) return ADVICE_OPTIMISED;
  return ADVICE[opType] ?? 'write the layer with elementwise functions, products and sums';
}

/** The networks of an ONNX model. @throws PE7003 for an operation that is not supported, with the name of its node */
export function importOnnx(job: ImportJob): Imported {
  refuseLayers(job.file, job.spec);
  const model = decodeOnnx(job.bytes);
  const graph = model.graph;
  if (!graph) throw new Error('it has no graph');
  if (graph.output.length === 0) throw new Error('its graph has no outputs; export it again with the outputs named');
  if (graph.sparseInitializer.length) throw new Error('it has sparse initializers');
  if (graph.node.length > MAX_NODES) throw new Error(`its graph has ${plural(graph.node.length, 'node')}`);
  const opset = requireOpset(model);
  const initializers = new Map<string, Value>();
  for (const tensor of graph.initializer) initializers.set(tensor.name, constant(readTensor(tensor, job.beside)));
  const inputs = graph.input.filter(({ name }) => !initializers.has(name)).map((info) => inputShape(info, job));
  const columns = inputs.flatMap(({ name, width }) =>
    Array.from({ length: width }, () => (width === 1 ? identifier(name) : undefined)),
  );
  if (!columns.length) throw new Error('its graph has no inputs');
  const producer = [model.producerName, model.producerVersion].filter(Boolean).join(' ');
  job.notes.push(`ONNX opset ${opset}${producer ? ` by ${producer}` : ''}: ${plural(graph.node.length, 'node')}`);
  const batch = inputs.find((input) => input.batch !== undefined)?.batch;
  const walker = new Walker(job, model.functions, opset, batch);
  const build = (builder: GraphBuilder, values: readonly string[]): NetworkOutput[] => {
    const scope = new Map<string, Value>(initializers);
    let at = 0;
    for (const { name, shape, width } of inputs) {
      scope.set(name, { kind: 'variable', name: builder.concat(values.slice(at, at + width), name), shape });
      at += width;
    }
    walker.run(builder, graph.node, scope, 0);
    return graph.output.map(({ name }) => {
      const value = scope.get(name);
      if (!value) throw new Error(`its output "${name}" is computed by no node`);
      const context = walker.context(builder, { opType: 'Identity', output: [name] } as OnnxNode);
      return { name, value: toVariable(context, value, name).name };
    });
  };
  return { networks: new Map([['N', { columns, build }]]), outputs: graph.output.map(({ name }) => name) };
}

function requireOpset(model: OnnxModel): number {
  const opset = Number(model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0n);
  if (opset < OLDEST_OPSET) throw new Error(`its opset is ${opset}; export with opset 9 or later`);
  return opset;
}

function identifier(name: string): string | undefined {
  // TensorFlow's names end in the number of the output.
  const legal = name.replace(/:\d+$/, '').replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z]/.test(legal) && legal.length <= 64 ? legal : undefined;
}

interface InputShape {
  name: string;
  shape: Dim[];
  width: number;
  /** Length of the batch axis where the file fixes it. */
  batch?: number;
}

/** `[n, k]`, `[n]` (one number per point) or `[k]` of fixed length (one point). */
function inputShape(info: OnnxValueInfo, job: ImportJob): InputShape {
  const dims = info.type?.tensorType?.shape?.dim.map(({ dimValue }) => (dimValue > 0n ? Number(dimValue) : undefined));
  const { name } = info;
  if (!dims || dims.length === 0)
    return { name, shape: dims ? [] : [null, job.namedInputs ?? 1], width: dims ? 1 : (job.namedInputs ?? 1) };
  const [first, ...rest] = dims;
  const isPoint = dims.length === 1 && first !== undefined;
  const fixed = (isPoint ? dims : rest).map((d) => d ?? job.namedInputs);
  if (fixed.some((d) => d === undefined)) {
    throw new PinnEdgeError('PE7006', {
      file: job.file,
      found: `an input "${name}" of open width`,
      given: 'nothing says how many columns it has',
      advice: 'give one --input name=min:max per column',
    });
  }
  const width = (fixed as number[]).reduce((n, d) => n * d, 1);
  if (width < 1 || width > 1024) throw new Error(`its input "${name}" has ${plural(width, 'column')}`);
  if (isPoint) return { name, shape: fixed as number[], width };
  return { name, shape: [null, ...(fixed as number[])], width, batch: first };
}

class Walker {
  private readonly functions = new Map<string, OnnxFunction>();
  private steps = 0;

  constructor(
    private readonly job: Pick<ImportJob, 'file' | 'ends' | 'notes'>,
    functions: readonly OnnxFunction[],
    private readonly opset: number,
    private readonly batch: number | undefined,
  ) {
    for (const f of functions) this.functions.set(`${f.domain}::${f.name}`, f);
  }

  context(builder: GraphBuilder, node: OnnxNode): OpContext {
    const refuse = (reason: string, advice?: string) => {
      const place = node.name || node.output?.[0] || '?';
      const hint = advice ?? adviceFor(node);
      return new PinnEdgeError('PE7003', {
        file: this.job.file,
        op: node.opType,
        node: place,
        reason,
        advice: hint,
      });
    };
    const note = (text: string) => {
      if (!this.job.notes.includes(text)) this.job.notes.push(text);
    };
    return { builder, node, batch: this.batch, opset: this.opset, ends: this.job.ends, note, refuse };
  }

  run(builder: GraphBuilder, nodes: readonly OnnxNode[], scope: Map<string, Value>, depth: number): void {
    for (const node of nodes) {
      if (++this.steps > MAX_NODES) throw new Error(`its functions expand to more than ${MAX_NODES} nodes`);
      const context = this.context(builder, node);
      const inputs = node.input.map((name) => this.read(context, scope, name));
      const outputs = this.applyGraph(context, inputs, scope, depth) ?? this.apply(context, inputs, depth);
      node.output.forEach((name, i) => {
        if (name && outputs[i]) scope.set(name, outputs[i]);
      });
    }
  }

  private read(context: OpContext, scope: ReadonlyMap<string, Value>, name: string): Value | undefined {
    if (name === '') return undefined;
    const value = scope.get(name);
    if (!value)
      throw context.refuse(
        `: its input "${name}" is computed by no node before it`,
        'the file is damaged; export it again',
      );
    return value;
  }

  /** Operations with graphs of their own: a branch that is taken anyway, and a list mapped item by item. */
  private applyGraph(
    context: OpContext,
    inputs: readonly (Value | undefined)[],
    scope: ReadonlyMap<string, Value>,
    depth: number,
  ): Value[] | undefined {
    const { node, builder } = context;
    if (depth > MAX_CALL_DEPTH) throw context.refuse(': graphs are nested without end');
    const runGraph = (name: string, given: readonly Value[]): Value[] => {
      const graph = attribute(node, name)?.g;
      if (!graph) throw context.refuse(`: its ${name} is missing`);
      const inner = new Map(scope);
      for (const tensor of graph.initializer) inner.set(tensor.name, constant(readTensor(tensor, () => undefined)));
      graph.input.forEach((info, i) => {
        if (given[i]) inner.set(info.name, given[i]);
      });
      this.run(builder, graph.node, inner, depth + 1);
      return graph.output.map((info) => this.read(context, inner, info.name)!);
    };
    if (node.opType === 'If' && inputs[0]?.kind === 'constant') {
      return runGraph(inputs[0].array.data[0] ? 'then_branch' : 'else_branch', []);
    }
    if (node.opType === 'SequenceMap' && inputs[0]?.kind === 'sequence') {
      const more = inputs.slice(1).filter((v): v is Value => v !== undefined);
      const results = inputs[0].items.map((item) => runGraph('body', [item, ...more]));
      return node.output.map((_, k) => ({ kind: 'sequence', items: results.map((values) => values[k]) }));
    }
    return undefined;
  }

  private apply(context: OpContext, inputs: readonly (Value | undefined)[], depth: number): Value[] {
    const { node } = context;
    const local = this.functions.get(`${node.domain}::${node.opType}`);
    if (local) return this.call(context, local, inputs, depth);
    const handler =
      STANDARD_DOMAINS.includes(node.domain) && Object.hasOwn(HANDLERS, node.opType)
        ? HANDLERS[node.opType]
        : undefined;
    if (!handler)
      throw context.refuse(node.domain && !STANDARD_DOMAINS.includes(node.domain) ? ` (domain ${node.domain})` : '');
    try {
      return handler(context, inputs);
    } catch (error) {
      if (error instanceof PinnEdgeError) throw error;
      const internal = error instanceof TypeError || error instanceof RangeError;
      throw context.refuse(
        internal ? '' : `: ${(error as Error).message}`,
        'the file is damaged, or the network does more than answer every point by itself',
      );
    }
  }

  /** A function of the model itself: its nodes with the caller's inputs and attributes. */
  private call(context: OpContext, f: OnnxFunction, inputs: readonly (Value | undefined)[], depth: number): Value[] {
    if (depth > MAX_CALL_DEPTH) throw context.refuse(': functions call each other without end');
    const scope = new Map<string, Value>();
    f.input.forEach((name, i) => {
      const value = inputs[i];
      if (value) scope.set(name, value);
    });
    const given = new Map([...f.attributeProto, ...context.node.attribute].map((a) => [a.name, a]));
    const nodes = f.node.map((node) => ({
      ...node,
      attribute: node.attribute.flatMap((a) => {
        if (!a.refAttrName) return [a];
        const value = given.get(a.refAttrName);
        return value ? [{ ...value, name: a.name }] : [];
      }),
    }));
    this.run(context.builder, nodes, scope, depth + 1);
    return f.output.map((name) => {
      const value = scope.get(name);
      if (!value) throw context.refuse(`: its function does not compute "${name}"`);
      return value as Variable;
    });
  }
}
