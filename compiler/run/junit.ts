import library, { type Builder } from 'junit-report-builder';
import { describeTolerance, keepsTolerance, toleranceOf } from '../judge/requirement.js';
import type { VerifyResult } from './verify.js';

/** A CommonJS package whose default export is the builder, which its types put one level deeper. */
const builder = library as unknown as Builder;

/** The result of a verification as JUnit XML: one test case per output. */
export function junitReport(name: string, result: VerifyResult): string {
  const report = builder.newBuilder();
  const suite = report.testSuite().name(`pinn-edge verify ${name}`);
  for (const output of result.outputs) {
    const test = suite.testCase().className(`${name}.${result.engine}`).name(`error of ${output.name}`);
    const figures = `max absolute ${output.maxAbsolute}, max relative ${output.maxRelative}, relative L2 ${output.relativeL2}, worst at ${output.worstAt.join(', ')}`;
    if (keepsTolerance(result.tolerance, output)) test.standardOutput(figures);
    else
      test.failure(`tolerance ${describeTolerance(toleranceOf(result.tolerance, output.name))} exceeded: ${figures}`);
  }
  if (result.steps) {
    const { steps, trajectories, tolerance, distances } = result.steps;
    const test = suite.testCase().className(`${name}.${result.engine}`).name(`distance after ${steps} steps`);
    const { largest, most, inside } = distances.at(-1)!;
    const figures = `${trajectories} trajectories, ${inside} in the box to the end, largest distance ${largest}, of 99 % at most ${most}`;
    if (result.steps.pass) test.standardOutput(figures);
    else test.failure(`tolerance ${tolerance} exceeded: ${figures}`);
  }
  return report.build();
}
