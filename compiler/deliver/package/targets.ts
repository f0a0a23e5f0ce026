import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { pricedIsas } from '../../code/cost/instructions.js';
import { nativelyPricedIsas } from '../../code/cost/native-instructions.js';
import { formatProblems, nearestNames, PinnEdgeError, type Problem } from '../../diagnostics.js';
import { readText } from '../../host/node-files.js';
import { PACKAGE_ROOT, readPackageJson } from '../../host/package-root.js';
import type { Target, TargetProject } from './target.js';
import { missingValues } from './templates.js';

const TARGETS = join(PACKAGE_ROOT, 'targets');
const FILE = 'target.json';

/** Names of the targets that come with pinn-edge. */
export function listTargets(): string[] {
  return readdirSync(TARGETS)
    .filter((name) => existsSync(join(TARGETS, name, FILE)))
    .sort();
}

/** The target of that name, or the one in a user's own target.json, given by its path. */
export function loadTarget(nameOrPath: string): Target {
  const names = listTargets();
  if (names.includes(nameOrPath)) return readTarget(join(TARGETS, nameOrPath, FILE));
  if (nameOrPath.endsWith('.json')) return readTarget(nameOrPath);
  const hint = `the nearest known ${names.length > 1 ? 'ones are' : 'one is'} ${nearestNames(nameOrPath, names).join(', ')} (see: pinn-edge targets, or give the path of a target.json)`;
  throw new PinnEdgeError('PE3001', { name: nameOrPath, hint });
}

function readTarget(file: string): Target {
  const json = parse(file);
  const problems = schemaProblems(json);
  if (!problems.length) problems.push(...templateProblems(json as Target), ...consistencyProblems(json as Target));
  if (problems.length) throw new PinnEdgeError('PE3004', { file, problems: `\n${formatProblems(problems)}` });
  return json as Target;
}

function parse(file: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PinnEdgeError('PE1002', { file, reason: (error as Error).message });
  }
}

let validator: ValidateFunction | undefined;

function schemaProblems(json: unknown): Problem[] {
  validator ??= new Ajv2020({ allErrors: true, verbose: true, strict: true }).compile(
    readPackageJson('targets/target.schema.json') as object,
  );
  return validator(json) ? [] : (validator.errors ?? []).map(toProblem);
}

function toProblem(error: ErrorObject): Problem {
  const place = error.instancePath.slice(1).replaceAll('/', '.');
  const at = (name: unknown) => (place ? `${place}.${name}` : String(name));
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'required') return { path: at(params.missingProperty), found: 'nothing', expected: 'a value' };
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys((error.parentSchema as { properties: object }).properties);
    const near = nearestNames(String(params.additionalProperty), known).join(', ');
    return { path: at(params.additionalProperty), found: 'an unknown field', expected: `one such as ${near}` };
  }
  const allowed = params.allowedValues as unknown[] | undefined;
  const expected = allowed ? `one of ${allowed.join(', ')}` : `a value that ${error.message}`;
  return { path: place || 'the file', found: JSON.stringify(error.data), expected };
}

/** What the schema cannot say. */
function consistencyProblems({
  isa,
  wasm3,
  projects,
  flashTools,
  compiler,
  ramBytes,
  ramBlockBytes,
}: Target): Problem[] {
  const names = projects.map(({ name }) => name);
  const problems: Problem[] = flashTools.flatMap(({ project }, i) =>
    names.includes(project)
      ? []
      : [{ path: `flashTools.${i}.project`, found: JSON.stringify(project), expected: `one of ${names.join(', ')}` }],
  );
  const priced = wasm3 ? pricedIsas() : nativelyPricedIsas();
  if (!priced.includes(isa)) {
    problems.push({
      path: 'isa',
      found: JSON.stringify(isa),
      expected: `one of ${priced.join(', ')}; take the nearest`,
    });
  }
  const bareMetal = names.indexOf('bare-metal');
  if (bareMetal >= 0 && !compiler) {
    problems.push({ path: 'compiler', found: 'nothing', expected: `one, for projects.${bareMetal}` });
  }
  if (ramBlockBytes > ramBytes) {
    problems.push({ path: 'ramBlockBytes', found: String(ramBlockBytes), expected: `at most ramBytes, ${ramBytes}` });
  }
  return problems;
}

function templateProblems(target: Target): Problem[] {
  const values = (project: TargetProject, i: number) =>
    missingValues(target, project).map((name) => ({
      path: `projects.${i}.values`,
      found: `nothing for @${name}@`,
      expected: `what the template ${project.template} shall have there`,
    }));
  const expected = 'a folder of templates in targets/, such as projects/esp-idf';
  return target.projects.flatMap((project, i) => {
    const { template, shared = [] } = project;
    const folders = [['template', template], ...shared.map((folder, k) => [`shared.${k}`, folder])];
    const missing = folders
      .filter(([, folder]) => !existsSync(join(TARGETS, folder)))
      .map(([field, folder]) => ({ path: `projects.${i}.${field}`, found: JSON.stringify(folder), expected }));
    return missing.length ? missing : values(project, i);
  });
}
