import { create, toBinary } from '@bufbuild/protobuf';
import { importModel } from '../../compiler/import/import.js';
import { onnxMessage } from '../../compiler/import/onnx/proto.js';
import type { ImportOptions } from '../../compiler/import/types.js';
import type { Model } from '../../compiler/model/types.js';
import { memoryFiles } from '../import/helpers.js';

/** ONNX files written node by node, for tests that say themselves what is right. */

type Attribute = number | string | number[] | { floats: number[] } | { float: number };
type Node = [op: string, inputs: string, outputs: string, attributes?: Record<string, Attribute>, domain?: string];

/** Numbers of a constant: flat, with their shape; floats as float32, the others as they are. */
export interface Constant {
  shape: number[];
  data: number[];
  type?: 'float' | 'double' | 'int64' | 'int8' | 'bool';
}

export interface OnnxGraph {
  /** Columns of each input; the batch comes before them. */
  inputs: Record<string, (number | undefined)[]>;
  constants?: Record<string, Constant>;
  nodes: Node[];
  outputs: string[];
  opset?: number;
}

const TYPES = { float: 1, int8: 3, int64: 7, bool: 9, double: 11 };

export function onnxBytes({ inputs, constants = {}, nodes, outputs, opset = 18 }: OnnxGraph): Uint8Array {
  const dim = (d: number | undefined) => (d === undefined ? { dimParam: 'n' } : { dimValue: BigInt(d) });
  const info = (name: string, shape?: (number | undefined)[]) => ({
    name,
    type: { tensorType: { elemType: 1, ...(shape ? { shape: { dim: [undefined, ...shape].map(dim) } } : {}) } },
  });
  const initializer = Object.entries(constants).map(([name, { shape, data, type = 'float' }]) => ({
    name,
    dims: shape.map(BigInt),
    dataType: TYPES[type],
    ...(type === 'float' ? { floatData: data.map(Math.fround) } : {}),
    ...(type === 'double' ? { doubleData: data } : {}),
    ...(type === 'int64' ? { int64Data: data.map(BigInt) } : {}),
    ...(type === 'int8' || type === 'bool' ? { int32Data: data } : {}),
  }));
  const node = nodes.map(([opType, ins, outs, attributes = {}, domain = '']) => ({
    opType,
    domain,
    input: ins.split(' ').map((name) => (name === '_' ? '' : name)),
    output: outs.split(' '),
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
  }));
  const graph = {
    node,
    initializer,
    input: Object.entries(inputs).map(([name, shape]) => info(name, shape)),
    output: outputs.map((name) => info(name)),
  };
  const model = { irVersion: 8n, opsetImport: [{ domain: '', version: BigInt(opset) }], graph };
  return toBinary(onnxMessage(), create(onnxMessage(), model as never));
}

function attributeOf(name: string, value: Attribute) {
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value.map(BigInt) };
  if (typeof value === 'number') return { name, type: 2, i: BigInt(value) };
  return 'float' in value ? { name, type: 1, f: value.float } : { name, type: 6, floats: value.floats };
}

/** The model that such a file is imported as. */
export async function importGraph(graph: OnnxGraph, options: ImportOptions = {}): Promise<Model> {
  const files = memoryFiles({ 'net.onnx': onnxBytes(graph) });
  return (await importModel('net.onnx', files, options)).model;
}
