import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readPackageJson } from '../../host/package-root.js';
import type { Report } from './report.js';

/** A report.json that somebody else may have written: taken only as report.schema.json describes it. */

let validator: ValidateFunction<Report> | undefined;

/** @param refuse called with what is wrong with the bytes; must throw */
export function readReport(bytes: Uint8Array, refuse: (reason: string) => never): Report {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return refuse((error as Error).message);
  }
  validator ??= new Ajv2020().compile<Report>(readPackageJson('compiler/deliver/package/report.schema.json') as object);
  return validator(json) ? json : refuse(problemText(validator.errors![0]));
}

/** Such as `outputs[0].exponent must be integer`. */
function problemText({ instancePath, message, params }: ErrorObject): string {
  const path = instancePath
    .slice(1)
    .replace(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
  const extra = (params as { additionalProperty?: string }).additionalProperty;
  return `${path || 'the whole'} ${message}${extra === undefined ? '' : `, such as ${extra}`}`;
}
