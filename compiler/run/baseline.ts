import type { Report } from '../deliver/package/report.js';
import { describeRequirement } from '../judge/requirement.js';
import { stepsVerdict } from './steps/verdict.js';
import type { VerifyResult } from './verify.js';

/** How a build differs from an earlier one: for a check that nothing grew unnoticed. */

export interface Growth {
  /** Such as `error of u` or `module bytes`. */
  figure: string;
  before: number;
  now: number;
  /** (now - before) / before; infinite from 0. */
  growth: number;
  /** Whether that is more than is allowed. */
  isTooMuch: boolean;
}

/**
 * Errors, bytes, RAM, stack and instructions of two builds, as both reports say them. Figures that one of them has not, such
 * as instructions of the engine `c`, are left out.
 *
 * @param allowed growth, 0.05 is 5 %
 */
export function compareReports(before: Report, now: Report, allowed: number): Growth[] {
  const pairs: [string, number | undefined, number | undefined][] = [
    ...now.outputs.map(({ name, maxAbsolute }): [string, number | undefined, number] => [
      `error of ${name}`,
      before.outputs.find((output) => output.name === name)?.maxAbsolute,
      maxAbsolute,
    ]),
    ['module bytes', before.wasmBytes, now.wasmBytes],
    ['weight and table bytes', before.modelBytes, now.modelBytes],
    ['RAM bytes', before.ramBytes, now.ramBytes],
    ['stack bytes', before.nativeStackBytes, now.nativeStackBytes],
    ['instructions', before.instructions, now.instructions],
  ];
  return pairs.flatMap(([figure, was, is]) => {
    if (was === undefined || is === undefined || (was === 0 && is === 0)) return [];
    const growth = is === was ? 0 : (is - was) / was;
    // Rounding of the division must not fail what grew by just what is allowed.
    return [{ figure, before: was, now: is, growth, isTooMuch: growth > allowed * (1 + 1e-9) }];
  });
}

/** Errors with three digits, counts whole. */
export function figureText(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toExponential(2);
}

export function growthPercent(growth: number): string {
  if (!Number.isFinite(growth)) return 'from nothing';
  return `${growth > 0 ? '+' : ''}${(100 * growth).toFixed(2)} %`;
}

/** Markdown: a table of errors, and one of what grew or shrank. */
export function verifySummary(report: Report, result: VerifyResult, growth?: readonly Growth[]): string {
  const isGrown = growth?.some(({ isTooMuch }) => isTooMuch) ?? false;
  const verdict = result.pass && !isGrown ? 'PASS' : 'FAIL';
  const errors = result.outputs.map(
    ({ name, maxAbsolute, maxRelative, relativeL2 }) =>
      `| ${name} | ${figureText(maxAbsolute)} | ${figureText(maxRelative)} | ${figureText(relativeL2)} |`,
  );
  const grown = (growth ?? []).map(
    ({ figure, before, now, growth: part, isTooMuch }) =>
      `| ${figure} | ${figureText(before)} | ${figureText(now)} | ${growthPercent(part)}${isTooMuch ? ' **too much**' : ''} |`,
  );
  const lines = [
    `### ${report.name} on ${report.target}: ${verdict}`,
    '',
    `Tolerance ${describeRequirement(result.tolerance)}, ${result.samples.toLocaleString('en-US')} points.`,
    '',
    '| output | largest error | relative | relative L2 |',
    '| --- | ---: | ---: | ---: |',
    ...errors,
    ...(result.steps ? ['', `Trajectories: ${stepsVerdict(result.steps)}.`] : []),
    ...(grown.length ? ['', '| figure | before | now | growth |', '| --- | ---: | ---: | ---: |', ...grown] : []),
  ];
  return `${lines.join('\n')}\n`;
}
