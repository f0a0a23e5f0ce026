import { create, createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/**
 * The part of ONNX's messages that a network needs, by field number (https://github.com/onnx/onnx, onnx.proto). Fields
 * that are not listed are skipped by the decoder.
 */

export interface OnnxTensor {
  dims: bigint[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  int64Data: bigint[];
  doubleData: number[];
  uint64Data: bigint[];
  name: string;
  rawData: Uint8Array;
  externalData: { key: string; value: string }[];
  dataLocation: number;
}

export interface OnnxAttribute {
  name: string;
  refAttrName: string;
  type: number;
  f: number;
  i: bigint;
  s: Uint8Array;
  t?: OnnxTensor;
  g?: OnnxGraph;
  floats: number[];
  ints: bigint[];
}

export interface OnnxNode {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  domain: string;
  attribute: OnnxAttribute[];
}

export interface OnnxValueInfo {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: { dimValue: bigint; dimParam: string }[] } } };
}

export interface OnnxGraph {
  node: OnnxNode[];
  name: string;
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
  sparseInitializer: unknown[];
}

export interface OnnxFunction {
  name: string;
  domain: string;
  input: string[];
  output: string[];
  node: OnnxNode[];
  attributeProto: OnnxAttribute[];
}

export interface OnnxModel {
  irVersion: bigint;
  producerName: string;
  producerVersion: string;
  graph?: OnnxGraph;
  opsetImport: { domain: string; version: bigint }[];
  functions: OnnxFunction[];
}

type FieldKind = 'float' | 'double' | 'int32' | 'int64' | 'uint64' | 'string' | 'bytes' | (string & {});

/** `name: [number, type]`; a type in brackets is repeated. */
const MESSAGES: Record<string, Record<string, [number, FieldKind | [FieldKind]]>> = {
  Model: {
    ir_version: [1, 'int64'],
    producer_name: [2, 'string'],
    producer_version: [3, 'string'],
    graph: [7, 'Graph'],
    opset_import: [8, ['OperatorSet']],
    functions: [25, ['Function']],
  },
  OperatorSet: { domain: [1, 'string'], version: [2, 'int64'] },
  Graph: {
    node: [1, ['Node']],
    name: [2, 'string'],
    initializer: [5, ['Tensor']],
    input: [11, ['ValueInfo']],
    output: [12, ['ValueInfo']],
    sparse_initializer: [15, ['Empty']],
  },
  Empty: {},
  Node: {
    input: [1, ['string']],
    output: [2, ['string']],
    name: [3, 'string'],
    op_type: [4, 'string'],
    attribute: [5, ['Attribute']],
    domain: [7, 'string'],
  },
  Attribute: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'Tensor'],
    g: [6, 'Graph'],
    floats: [7, ['float']],
    ints: [8, ['int64']],
    type: [20, 'int32'],
    ref_attr_name: [21, 'string'],
  },
  Tensor: {
    dims: [1, ['int64']],
    data_type: [2, 'int32'],
    float_data: [4, ['float']],
    int32_data: [5, ['int32']],
    int64_data: [7, ['int64']],
    name: [8, 'string'],
    raw_data: [9, 'bytes'],
    double_data: [10, ['double']],
    uint64_data: [11, ['uint64']],
    external_data: [13, ['StringEntry']],
    data_location: [14, 'int32'],
  },
  StringEntry: { key: [1, 'string'], value: [2, 'string'] },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'] },
  Type: { tensor_type: [1, 'TensorType'] },
  TensorType: { elem_type: [1, 'int32'], shape: [2, 'Shape'] },
  Shape: { dim: [1, ['Dimension']] },
  Dimension: { dim_value: [1, 'int64'], dim_param: [2, 'string'] },
  Function: {
    name: [1, 'string'],
    input: [4, ['string']],
    output: [5, ['string']],
    node: [7, ['Node']],
    domain: [10, 'string'],
    attribute_proto: [11, ['Attribute']],
  },
};

const SCALARS: Record<string, FieldDescriptorProto_Type> = {
  float: FieldDescriptorProto_Type.FLOAT,
  double: FieldDescriptorProto_Type.DOUBLE,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  uint64: FieldDescriptorProto_Type.UINT64,
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
};

function field(name: string, [number, kind]: [number, FieldKind | [FieldKind]]): FieldDescriptorProto {
  const type = Array.isArray(kind) ? kind[0] : kind;
  const scalar = SCALARS[type];
  return create(FieldDescriptorProtoSchema, {
    name,
    number,
    label: Array.isArray(kind) ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
    type: scalar ?? FieldDescriptorProto_Type.MESSAGE,
    ...(scalar === undefined ? { typeName: `.pinnedge.onnx.${type}` } : {}),
  });
}

let modelMessage: DescMessage | undefined;

function descriptor(): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: 'onnx-subset.proto',
    package: 'pinnedge.onnx',
    // Repeated numbers are packed in some files and not in others; the decoder takes both.
    syntax: 'proto3',
    messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
      name,
      field: Object.entries(fields).map(([fieldName, spec]) => field(fieldName, spec)),
    })),
  });
  const message = createFileRegistry(file, () => undefined).getMessage('pinnedge.onnx.Model');
  if (!message) throw new Error('the ONNX descriptor has no Model');
  return message;
}

/** Describes a whole model. */
export function onnxMessage(): DescMessage {
  modelMessage ??= descriptor();
  return modelMessage;
}

/** Decodes a `.onnx` file. Throws `Error` with the reason when the bytes are not protobuf. */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  return fromBinary(onnxMessage(), bytes, { readUnknownFields: false }) as unknown as OnnxModel;
}
