import type { Report } from '../deliver/package/report.js';
import { stepsVerdict } from '../run/steps/verdict.js';
import type { StepsResult } from '../run/steps/verify-steps.js';
import { columns, count, error, place } from './output.js';

/** What verify --steps prints. */
export function stepsText(result: StepsResult, report: Report): string {
  const { steps, trajectories, distances, worst, oneStep, left, conserved } = result;
  const rows = distances.map(({ steps: k, largest, most, inside }) => [
    count(k),
    error(largest),
    error(most),
    `${count(inside)} in the box`,
  ]);
  const { unit } = report.inputs.find(({ name }) => name === worst.state) ?? {};
  const names = report.inputs.map(({ name }) => name);
  const last = distances.at(-1)!.largest;
  const times = oneStep > 0 ? last / oneStep : 0;
  const lines = [
    '',
    `${count(trajectories)} trajectories of ${count(steps)} steps: distance from the float64 network, as a share of the range of each state`,
    '',
    columns([['within steps', 'largest', '99 % keep', ''], ...rows]).trimEnd(),
    '',
    ...(worst.state
      ? [
          `  worst in ${worst.state}: ${worst.distance.toExponential(2)}${unit ? ` ${unit}` : ''}, from ${place(names, worst.from)}`,
        ]
      : []),
    `  one step is wrong by ${error(oneStep)} at most; ${count(steps)} steps by ${times.toPrecision(2)} times that`,
    ...conserved.map(
      ({ name, build, reference }) =>
        `  ${name} drifts by ${build.toExponential(2)} (the float network: ${reference.toExponential(2)})`,
    ),
    left
      ? `  ${Number((100 * left).toPrecision(2))} % of the trajectories leave the box; they count until then`
      : '  no trajectory leaves the box',
    '',
    `  ${stepsVerdict(result)}`,
  ];
  return `${lines.join('\n')}\n`;
}
