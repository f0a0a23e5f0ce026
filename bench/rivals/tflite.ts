import { Builder } from 'flatbuffers';
import type { PerceptronLayer } from './perceptron.js';

/**
 * A perceptron as a TensorFlow Lite model, float32 or int8, as its converter writes it. Field numbers and enumerations
 * are those of tensorflow/lite/schema/schema.fbs, version 3.
 *
 * int8 (https://www.tensorflow.org/lite/performance/quantization_spec): weights symmetric, values asymmetric over their
 * range, tanh's result in 1/128, biases int32 in the product of both scales. One scale per weight matrix: this version's
 * fully connected kernel takes no more.
 */

const TYPE = { float32: 0, int32: 2, int8: 9 } as const;
const OPERATOR = { fullyConnected: 9, tanh: 28 } as const;
const FULLY_CONNECTED_OPTIONS = 8;
const SCHEMA_VERSION = 3;
const BUFFER_ALIGNMENT = 16;

export interface Quantization {
  scale: number;
  zeroPoint: number;
}

interface Tensor {
  name: string;
  shape: number[];
  type: keyof typeof TYPE;
  data?: Uint8Array;
  quantization?: Quantization;
}

interface Operator {
  code: 0 | 1;
  inputs: number[];
  outputs: number[];
}

/** Range of a vector of values over the input box. */
export interface ValueRange {
  min: number;
  max: number;
}

/** Ranges of the input, and of every layer's sums before its function. */
export interface PerceptronRanges {
  input: ValueRange;
  sums: ValueRange[];
}

export interface TfliteModel {
  bytes: Uint8Array;
  input: Quantization;
  output: Quantization;
}

const NONE: Quantization = { scale: 1, zeroPoint: 0 };

/** @param ranges what int8 values are scaled by; without them the model is float32 */
export function writeTflite(layers: readonly PerceptronLayer[], ranges?: PerceptronRanges): TfliteModel {
  const tensors: Tensor[] = [];
  const operators: Operator[] = [];
  const add = (tensor: Tensor) => tensors.push(tensor) - 1;
  const type = ranges ? 'int8' : 'float32';
  const input = ranges ? asymmetric(ranges.input) : NONE;
  let quantization = input;
  let value = add({ name: 'input', shape: [1, layers[0].cols], type, quantization: ranges && input });
  layers.forEach((layer, l) => {
    const { rows, cols } = layer;
    const { weight, bias } = ranges ? int8Weights(layer, quantization.scale) : floatWeights(layer);
    const weights = add({ name: `weight${l}`, shape: [rows, cols], ...weight });
    const biases = add({ name: `bias${l}`, shape: [rows], ...bias });
    if (ranges) quantization = asymmetric(ranges.sums[l]);
    const sum = add({ name: `sum${l}`, shape: [1, rows], type, quantization: ranges && quantization });
    operators.push({ code: 0, inputs: [value, weights, biases], outputs: [sum] });
    value = sum;
    if (!layer.tanh) return;
    quantization = { scale: 1 / 128, zeroPoint: 0 };
    value = add({ name: `tanh${l}`, shape: [1, rows], type, quantization: ranges && quantization });
    operators.push({ code: 1, inputs: [sum], outputs: [value] });
  });
  return { bytes: serialize(tensors, operators, 0, value), input, output: ranges ? quantization : NONE };
}

/** int8 over a range that is made to contain 0. */
function asymmetric({ min, max }: ValueRange): Quantization {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = (high - low) / 255;
  return { scale: Math.fround(scale), zeroPoint: Math.round(-128 - low / scale) };
}

function floatWeights({ weight, bias }: PerceptronLayer) {
  const floats = (values: Float64Array) => new Uint8Array(Float32Array.from(values).buffer);
  return {
    weight: { type: 'float32' as const, data: floats(weight) },
    bias: { type: 'float32' as const, data: floats(bias) },
  };
}

function int8Weights({ weight, bias }: PerceptronLayer, inputScale: number) {
  const scale = Math.fround(weight.reduce((largest, w) => Math.max(largest, Math.abs(w)), 0) / 127);
  const product = scale * inputScale;
  const weights = Int8Array.from(weight, (w) => Math.round(w / scale));
  const biases = Int32Array.from(bias, (b) => Math.round(b / product));
  return {
    weight: { type: 'int8' as const, data: new Uint8Array(weights.buffer), quantization: { scale, zeroPoint: 0 } },
    bias: {
      type: 'int32' as const,
      data: new Uint8Array(biases.buffer),
      quantization: { scale: product, zeroPoint: 0 },
    },
  };
}

function serialize(
  tensors: readonly Tensor[],
  operators: readonly Operator[],
  input: number,
  output: number,
): Uint8Array {
  const b = new Builder(1 << 16);
  // Buffer 0 is the empty one of tensors without data.
  const buffers = [table(b, 1, [])];
  const tensorTables = tensors.map(({ name, shape, type, data, quantization }) => {
    let buffer = 0;
    if (data) {
      b.startVector(1, data.length, BUFFER_ALIGNMENT);
      for (let i = data.length - 1; i >= 0; i--) b.addInt8(data[i]);
      const vector = b.endVector();
      buffer = buffers.push(table(b, 1, [(at) => b.addFieldOffset(at, vector, 0)])) - 1;
    }
    const shapeVector = int32Vector(b, shape);
    const nameString = b.createString(name);
    const quantizationTable = quantization && writeQuantization(b, quantization);
    return table(b, 5, [
      (at) => b.addFieldOffset(at, shapeVector, 0),
      (at) => b.addFieldInt8(at, TYPE[type], 0),
      (at) => b.addFieldInt32(at, buffer, 0),
      (at) => b.addFieldOffset(at, nameString, 0),
      (at) => quantizationTable !== undefined && b.addFieldOffset(at, quantizationTable, 0),
    ]);
  });
  const operatorTables = operators.map(({ code, inputs, outputs }) => {
    const [inputVector, outputVector] = [int32Vector(b, inputs), int32Vector(b, outputs)];
    const options = code === 0 ? table(b, 1, []) : 0;
    return table(b, 5, [
      (at) => b.addFieldInt32(at, code, 0),
      (at) => b.addFieldOffset(at, inputVector, 0),
      (at) => b.addFieldOffset(at, outputVector, 0),
      (at) => options && b.addFieldInt8(at, FULLY_CONNECTED_OPTIONS, 0),
      (at) => options && b.addFieldOffset(at, options, 0),
    ]);
  });
  const graphVectors = [
    tableVector(b, tensorTables),
    int32Vector(b, [input]),
    int32Vector(b, [output]),
    tableVector(b, operatorTables),
  ];
  const graph = table(
    b,
    5,
    graphVectors.map((vector) => (at: number) => b.addFieldOffset(at, vector, 0)),
  );
  const codes = [OPERATOR.fullyConnected, OPERATOR.tanh].map((code) =>
    table(b, 3, [(at) => b.addFieldInt8(at, code, 0)]),
  );
  const modelVectors = [
    tableVector(b, codes),
    tableVector(b, [graph]),
    b.createString('perceptron'),
    tableVector(b, buffers),
  ];
  b.finish(
    table(b, 5, [
      (at) => b.addFieldInt32(at, SCHEMA_VERSION, 0),
      ...modelVectors.map((vector) => (at: number) => b.addFieldOffset(at, vector, 0)),
    ]),
    'TFL3',
  );
  return b.asUint8Array();
}

function writeQuantization(b: Builder, { scale, zeroPoint }: Quantization): number {
  b.startVector(4, 1, 4);
  b.addFloat32(scale);
  const scales = b.endVector();
  b.startVector(8, 1, 8);
  b.addInt64(BigInt(zeroPoint));
  const zeroPoints = b.endVector();
  return table(b, 4, [
    () => {},
    () => {},
    (at) => b.addFieldOffset(at, scales, 0),
    (at) => b.addFieldOffset(at, zeroPoints, 0),
  ]);
}

/** A table with a field at each index that writes one. */
function table(b: Builder, fields: number, write: readonly ((at: number) => unknown)[]): number {
  b.startObject(fields);
  write.forEach((field, at) => void field(at));
  return b.endObject();
}

function int32Vector(b: Builder, values: readonly number[]): number {
  b.startVector(4, values.length, 4);
  for (const value of [...values].reverse()) b.addInt32(value);
  return b.endVector();
}

function tableVector(b: Builder, tables: readonly number[]): number {
  b.startVector(4, tables.length, 4);
  for (const offset of [...tables].reverse()) b.addOffset(offset);
  return b.endVector();
}
