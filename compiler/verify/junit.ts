import library, { type Builder } from 'junit-report-builder';
import type { VerifyResult } from './verify.js';

/** A CommonJS package whose default export is the builder, which its types put one level deeper. */
const builder = library as unknown as Builder;

/** The result of a verification as JUnit XML: one test case per output. */
export function junitReport(name: string, result: VerifyResult): string {
  const report = builder.newBuilder();
  const suite = report.testSuite().name(`pinn-edge verify ${name}`);
  for (const output of result.outputs) {
    const test = suite.testCase().className(`${name}.${result.engine}`).name(`error of ${output.name}`);
    const failed =
      result.toleranceAbsolute === undefined
        ? output.maxRelative > result.tolerance
        : output.maxAbsolute > result.toleranceAbsolute;
    const figures = `max absolute ${output.maxAbsolute}, max relative ${output.maxRelative}, relative L2 ${output.relativeL2}, worst at ${output.worstAt.join(', ')}`;
    if (failed) test.failure(`tolerance ${result.toleranceAbsolute ?? result.tolerance} exceeded: ${figures}`);
    else test.standardOutput(figures);
  }
  return report.build();
}
