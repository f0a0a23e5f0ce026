import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { formatProblems, PinnEdgeError, type Problem } from '../diagnostics.js';
import { readPackageJson } from '../host/package-root.js';
import type { ActivationName } from './activations.js';
import { expandNames } from './name-ranges.js';
import type { InputFacts, OutputFacts } from './types.js';

/** The `--spec` file: what a checkpoint does not say. See import-spec.schema.json for the meaning of every field. */

export type Layout = 'out,in' | 'in,out';

/** A number, one number per neuron, or the name of a tensor. */
export type Factor = number | number[] | string;

export interface DenseLayerSpec {
  layer?: string;
  weight?: string;
  bias?: string;
  layout?: Layout;
  activation?: ActivationName;
  omega?: Factor;
  slope?: Factor;
  slopeFactor?: number;
  gated?: boolean;
}

export interface FourierSpec {
  fourier: string;
  factor?: number;
  layout?: Layout;
  order?: 'sin,cos' | 'cos,sin';
}

export interface GaussianSpec {
  gaussian: string;
  width?: Factor;
}

export interface PreluSpec {
  prelu: string;
}

export type NormSpec = ({ layerNorm: string } | { batchNorm: string }) & {
  eps?: number;
  activation?: ActivationName;
};

export interface ResidualSpec {
  residual: LayerSpec[];
  alpha?: Factor;
  after?: ActivationName;
}

export type LayerSpec = string | DenseLayerSpec | FourierSpec | GaussianSpec | NormSpec | PreluSpec | ResidualSpec;

export interface NetworkSpec {
  inputs?: string[];
  layers?: LayerSpec[];
  prefix?: string;
  layout?: Layout;
  activation?: ActivationName;
  outputActivation?: ActivationName;
  omega?: Factor;
  slope?: Factor;
  slopeFactor?: number;
  gates?: { u: LayerSpec; v: LayerSpec; form?: 'h*u+(1-h)*v' | '(1-h)*u+h*v' };
  /** Fields that `--init` assumed and nobody has confirmed. */
  assumed?: Assumable[];
}

export type Assumable = 'activation' | 'outputActivation' | 'layers' | 'layout' | 'gates';

/** A number, or the name of a tensor with one number, or with one per input. */
export type Bound = number | string;

export type Normalization = { mean: Bound; std: Bound } | { min: Bound; max: Bound; to?: [number, number] };

/** Which of the inputs that one entry of the spec stands for, such as u[0:101]. */
export interface Group {
  index: number;
  size: number;
}

/** A piece of a tensor of the file, under a name of its own. */
export interface PieceSpec {
  of: string;
  offset?: number;
  shape?: number[];
}

export interface ImportSpec {
  name?: string;
  description?: string;
  tolerance?: number;
  inputs?: (InputFacts & { normalize?: Normalization; group?: Group })[];
  files?: string[];
  constants?: Record<string, Factor>;
  tensors?: Record<string, PieceSpec>;
  ignore?: string[];
  networkInputs?: string[];
  network?: NetworkSpec;
  networks?: Record<string, NetworkSpec>;
  outputs?: (OutputFacts & { expression?: string })[];
}

/**
 * Refuses what a spec says of the layers of a network whose file has its whole graph.
 *
 * @throws PE3008 with the field
 */
export function refuseLayers(file: string, spec: ImportSpec): void {
  const described = Object.entries(spec.networks ?? {}).map(([name, network]) => ({
    path: `networks.${name}`,
    network,
  }));
  if (spec.network) described.push({ path: 'network', network: spec.network });
  for (const { path, network } of described) {
    const field = Object.keys(network).find((key) => key !== 'inputs');
    if (field === undefined) continue;
    throw new PinnEdgeError('PE3008', {
      option: `${path}.${field} in the spec`,
      other: file,
      reason: 'the file has its whole graph, layers and activations included',
    });
  }
}

const MAX_SPEC_BYTES = 10_000_000;
let validator: ValidateFunction | undefined;

/** Parses and validates the text of a spec. Throws PE7008 with every problem. */
export function parseSpec(file: string, text: string): ImportSpec {
  if (text.length > MAX_SPEC_BYTES)
    throw invalid(file, [{ path: '$', found: `${text.length} characters`, expected: 'a short file' }]);
  const errors: ParseError[] = [];
  const json = parseComments(file, text, errors);
  if (errors.length) {
    const [{ error, offset }] = errors;
    const line = text.slice(0, offset).split('\n').length;
    throw new PinnEdgeError('PE1002', { file, reason: `${printParseErrorCode(error)} in line ${line}` });
  }
  validator ??= new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
  }).compile(readPackageJson('compiler/import/import-spec.schema.json') as object);
  if (!validator(json)) throw invalid(file, (validator.errors ?? []).filter(isTelling).slice(0, 20).map(toProblem));
  const spec = expanded(file, json as ImportSpec);
  const problems = contradictions(spec);
  if (problems.length) throw invalid(file, problems);
  return spec;
}

/** Inputs such as u[0:101] one by one, and networks that read them. */
function expanded(file: string, spec: ImportSpec): ImportSpec {
  const inputs = spec.inputs?.flatMap((input) => {
    const names = expandNames(input.name, `inputs in ${file}`);
    return names.map((name, index) =>
      names.length > 1 ? { ...input, name, group: { index, size: names.length } } : { ...input, name },
    );
  });
  const columns = (list: string[] | undefined, place: string) =>
    list && { [place]: list.flatMap((text) => expandNames(text, `${place} in ${file}`)) };
  const network = (one: NetworkSpec): NetworkSpec => ({ ...one, ...columns(one.inputs, 'inputs') });
  return {
    ...spec,
    ...(inputs && { inputs }),
    ...columns(spec.networkInputs, 'networkInputs'),
    ...(spec.network && { network: network(spec.network) }),
    ...(spec.networks && {
      networks: Object.fromEntries(Object.entries(spec.networks).map(([name, one]) => [name, network(one)])),
    }),
  };
}

function parseComments(file: string, text: string, errors: ParseError[]): unknown {
  try {
    return parse(text, errors, { allowTrailingComma: true, disallowComments: false });
  } catch (error) {
    throw new PinnEdgeError('PE1002', {
      file,
      reason: error instanceof RangeError ? 'nested too deeply' : (error as Error).message,
    });
  }
}

/** Failed branches of a choice say less than the choice itself. */
function isTelling(error: ErrorObject): boolean {
  return error.keyword !== 'if' && !/\/oneOf\/\d+\//.test(error.schemaPath);
}

function toProblem(error: ErrorObject): Problem {
  const path = error.instancePath.split('/').slice(1).join('.') || '$';
  const parameters = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys((error.parentSchema as { properties?: object })?.properties ?? {});
    return {
      path: `${path}.${parameters.additionalProperty}`,
      found: 'an unknown field',
      expected: `one of ${known.join(', ')}`,
    };
  }
  if (error.keyword === 'required')
    return { path: `${path}.${parameters.missingProperty}`, found: 'nothing', expected: 'a value' };
  if (error.keyword === 'enum') {
    return { path, found: short(error.data), expected: `one of ${(parameters.allowedValues as unknown[]).join(', ')}` };
  }
  if (error.keyword === 'oneOf')
    return { path, found: short(error.data), expected: 'one of the forms that the schema allows here' };
  return { path, found: short(error.data), expected: `a value that ${error.message}` };
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function contradictions(spec: ImportSpec): Problem[] {
  const problems: Problem[] = [];
  spec.inputs?.forEach(({ name, min, max, normalize }, i) => {
    if (min !== undefined && max !== undefined && !(min < max)) {
      problems.push({
        path: `inputs.${i}`,
        found: `min ${min} and max ${max}`,
        expected: `min < max for input "${name}"`,
      });
    }
    if (normalize && 'min' in normalize && normalize.min === normalize.max) {
      problems.push({
        path: `inputs.${i}.normalize`,
        found: `min and max ${normalize.min}`,
        expected: 'different numbers',
      });
    }
  });
  if (spec.network && spec.networks) {
    problems.push({ path: 'networks', found: 'both network and networks', expected: 'one of them' });
  }
  return problems;
}

function invalid(file: string, problems: readonly Problem[]): PinnEdgeError {
  const s = problems.length === 1 ? '' : 's';
  return new PinnEdgeError('PE7008', { file, count: problems.length, s, problems: formatProblems(problems) });
}
