import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { formatProblems, nearestNames, PinnEdgeError, type Problem, plural } from '../diagnostics.js';
import { type FileReader, readBytes } from '../host/file-reader.js';
import { readPackageJson } from '../host/package-root.js';
import { type DataEntry, readData } from './data-file.js';
import { checkGraph } from './graph.js';
import { checkDerivedOutputs, checkPhysics } from './physics.js';
import { nonFiniteProblem, readSafetensors } from './safetensors.js';
import { checkState } from './state.js';
import type { Model, ModelNode, ModelOutput, Tensor } from './types.js';

/** The file as it is written, once the schema has accepted it. */
interface ModelFile extends Omit<Model, 'tensors' | 'widths' | 'outputs' | 'hidden'> {
  format: string;
  outputs: (ModelOutput & { hidden?: boolean })[];
  weights?: string;
  tensors?: Record<string, { shape: number[]; data: number[] }>;
}

const MAX_PROBLEMS_SHOWN = 50;

/**
 * Reads and validates the `pinn-edge/1` model in `file`.
 * Every problem is reported at once, with its JSON path, what was found and what was expected.
 */
export function loadModel(file: string, files: FileReader): Model {
  const json = parseJson(file, files);
  const problems = schemaProblems(json);
  const broken = brokenNodes(problems);
  if (!broken) throw invalid(file, problems);
  const modelFile = withoutBrokenNodes(json as ModelFile, broken);
  const tensors = inlineTensors(modelFile, problems);
  if (modelFile.weights !== undefined) readWeightFile(file, modelFile.weights, files, tensors, problems);
  checkInputs(modelFile, problems);
  checkOutputKinds(modelFile, problems);
  const graph = checkGraph(modelFile, tensors, problems);
  let { physics } = modelFile;
  if (!problems.some(({ path }) => path.startsWith('physics'))) {
    checkDerivedOutputs(modelFile, problems);
    checkPhysics(modelFile, problems);
    const entries: readonly DataEntry[] = physics?.data ?? [];
    if (physics?.data) physics = { ...physics, data: readData(file, entries, modelFile, files, problems) };
  }
  const { sent, hidden } = sentAndHidden(modelFile, problems);
  if (!problems.some(({ path }) => path.startsWith('state'))) {
    checkState({ ...modelFile, outputs: sent, ...hidden }, problems);
  }
  if (problems.length) throw invalid(file, problems);
  const { name, description, assumed, inputs, tolerance, state } = modelFile;
  const { order: nodes, widths } = graph;
  const facts = { name, description, assumed, tolerance, physics, state };
  return { ...facts, inputs, outputs: sent, ...hidden, nodes, widths, tensors };
}

/** An output is a value of the graph or an expression, and an expression is in engineering units already. */
function checkOutputKinds({ outputs }: ModelFile, problems: Problem[]): void {
  outputs.forEach((output, i) => {
    const path = `outputs[${i}]`;
    if (output.value === undefined && output.expression === undefined) {
      problems.push({ path: `${path}.value`, found: 'nothing', expected: 'a value, or an expression' });
    }
    if (output.tolerance !== undefined && output.toleranceAbsolute !== undefined) {
      problems.push({ path: `${path}.toleranceAbsolute`, found: 'both tolerances', expected: 'one of them' });
    }
    if (output.expression === undefined) return;
    for (const field of ['value', 'index', 'scale', 'offset'] as const) {
      if (output[field] === undefined) continue;
      const expected =
        field === 'value' ? 'either a value or an expression' : 'the expression alone, in engineering units';
      problems.push({
        path: `${path}.${field}`,
        found: `${JSON.stringify(output[field])} beside an expression`,
        expected,
      });
    }
  });
}

function sentAndHidden(
  { outputs }: ModelFile,
  problems: Problem[],
): { sent: ModelOutput[]; hidden: Pick<Model, 'hidden'> } {
  const plain = ({ hidden: _, ...output }: ModelFile['outputs'][number]) => output as ModelOutput;
  const sent = outputs.filter(({ hidden }) => !hidden).map(plain);
  const hidden = outputs.filter((output) => output.hidden).map(plain);
  if (!sent.length) {
    problems.push({ path: 'outputs', found: 'hidden outputs only', expected: 'an output that is sent' });
  }
  return { sent, hidden: hidden.length ? { hidden } : {} };
}

function invalid(file: string, problems: readonly Problem[]): PinnEdgeError {
  const shown = problems.slice(0, MAX_PROBLEMS_SHOWN);
  const rest = problems.length - shown.length;
  return new PinnEdgeError('PE2001', {
    file,
    count: problems.length,
    s: problems.length === 1 ? '' : 's',
    problems: formatProblems(shown) + (rest > 0 ? `\n  and ${rest} more` : ''),
  });
}

/**
 * Indices of nodes that the schema refused, so that the rest of the graph can be checked all the same; undefined when
 * the file is broken elsewhere and nothing more can be said.
 */
function brokenNodes(problems: readonly Problem[]): Set<number> | undefined {
  const broken = new Set<number>();
  for (const { path, found } of problems) {
    const node = /^nodes\[(\d+)\]/.exec(path);
    if (node) broken.add(Number(node[1]));
    else if (found !== 'an unknown field' && !/^(tolerance|physics|state|description|assumed)/.test(path))
      return undefined;
  }
  return broken;
}

/** Broken nodes become values of unknown width. */
function withoutBrokenNodes(file: ModelFile, broken: ReadonlySet<number>): ModelFile {
  if (!broken.size) return file;
  const nodes = file.nodes.map((node, i): ModelNode => {
    if (!broken.has(i)) return node;
    const name = typeof node?.name === 'string' ? node.name : `nodes[${i}]`;
    return { name, op: 'unknown' } as unknown as ModelNode;
  });
  return { ...file, nodes };
}

function parseJson(file: string, files: FileReader): unknown {
  const bytes = readBytes(file, files);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new PinnEdgeError('PE1002', { file, reason: (error as Error).message });
  }
}

let validator: ValidateFunction | undefined;

function schemaProblems(json: unknown): Problem[] {
  validator ??= new Ajv2020({
    allErrors: true,
    discriminator: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    strictNumbers: false,
    // Making the code of the checks smaller takes longer than one check.
    code: { optimize: false },
  }).compile(readPackageJson('compiler/model/pinn-edge-1.schema.json') as object);
  if (validator(json)) return [];
  return (validator.errors ?? []).map(toProblem);
}

function toProblem(error: ErrorObject): Problem {
  const path = jsonPath(error.instancePath);
  const found = describe(error.data);
  const p = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return { path: `${path}.${p.missingProperty}`, found: 'nothing', expected: 'a value' };
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema as { properties?: object })?.properties ?? {});
      const name = String(p.additionalProperty);
      return { path: `${path}.${name}`, found: 'an unknown field', expected: `one of ${known.join(', ')}` };
    }
    case 'discriminator': {
      const op = String((error.data as { op?: unknown })?.op);
      return {
        path: `${path}.op`,
        found: `"${op}"`,
        expected: `an operation such as ${nearestNames(op, opNames()).join(', ')}`,
      };
    }
    case 'const':
      return { path, found, expected: JSON.stringify(p.allowedValue) };
    case 'enum':
      return { path, found, expected: `one of ${(p.allowedValues as unknown[]).join(', ')}` };
    case 'type':
      return { path, found, expected: `${article(String(p.type))} ${p.type}` };
    default:
      return { path, found, expected: `a value that ${error.message}` };
  }
}

function opNames(): string[] {
  const schema = validator?.schema as { $defs: { node: { oneOf: { properties: { op: { const: string } } }[] } } };
  return schema.$defs.node.oneOf.map((entry) => entry.properties.op.const);
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? 'an' : 'a';
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `/nodes/3/weight` as `nodes[3].weight`; the whole file is `$`. */
function jsonPath(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  if (parts.length === 0) return '$';
  return parts.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : (i ? '.' : '') + part)).join('');
}

function inlineTensors(file: ModelFile, problems: Problem[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape, data }] of Object.entries(file.tensors ?? {})) {
    const count = shape.reduce((n, d) => n * d, 1);
    const path = `tensors.${name}`;
    if (data.length !== count) {
      problems.push({
        path: `${path}.data`,
        found: plural(data.length, 'number'),
        expected: `${count} for shape [${shape.join(', ')}]`,
      });
    }
    addTensor(tensors, name, { shape, data: Float64Array.from(data) }, `${path}.data`, problems);
  }
  return tensors;
}

function addTensor(
  tensors: Map<string, Tensor>,
  name: string,
  tensor: Tensor,
  path: string,
  problems: Problem[],
): void {
  const problem = nonFiniteProblem(path, tensor);
  if (problem) problems.push(problem);
  tensors.set(name, tensor);
}

function readWeightFile(
  model: string,
  weights: string,
  files: FileReader,
  tensors: Map<string, Tensor>,
  problems: Problem[],
): void {
  const path = files.beside(model, weights);
  const bytes = files.read(path);
  if (!bytes) throw new PinnEdgeError('PE1006', { file: weights, model });
  let read: Map<string, Tensor>;
  try {
    read = readSafetensors(bytes);
  } catch (error) {
    throw new PinnEdgeError('PE1005', { file: path, reason: (error as Error).message });
  }
  for (const [name, tensor] of read) {
    if (tensors.has(name)) {
      problems.push({ path: `tensors.${name}`, found: `the same name in ${weights}`, expected: 'one definition' });
    }
    addTensor(tensors, name, tensor, `${weights}: ${name}`, problems);
  }
}

function checkInputs(file: ModelFile, problems: Problem[]): void {
  file.inputs.forEach((input, i) => {
    if (!(input.min < input.max)) {
      problems.push({
        path: `inputs[${i}]`,
        found: `min ${input.min} and max ${input.max}`,
        expected: `min < max for input "${input.name}"`,
      });
    }
  });
}

/** The model as a `pinn-edge/1` JSON object with its tensors in the file `weights` beside it. */
export function modelToJson(model: Model, weights: string): object {
  const { name, description, assumed, inputs, tolerance, nodes, physics, state } = model;
  const outputs = [...model.outputs, ...(model.hidden ?? []).map((output) => ({ ...output, hidden: true }))];
  return {
    format: 'pinn-edge/1',
    name,
    description,
    assumed,
    inputs,
    outputs,
    tolerance,
    weights,
    nodes: nodes as ModelNode[],
    physics,
    state,
  };
}
