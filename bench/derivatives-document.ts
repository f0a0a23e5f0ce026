import type { GradientRow } from './gradients.js';
import { DERIVATIVES } from './sections.js';
import { count, markdown, short } from './tables.js';

/** The section of docs/benchmarks.md on derivatives. */

export interface DerivativesRow {
  example: string;
  /** Errors are relative to the largest value; order 0 is the value itself. */
  outputs: { name: string; order: number; error: number }[];
  /** Of central differences of the values that the same build sends. */
  differences: { name: string; errors: { step: number; error: number }[] }[];
  /** Largest error by the largest term of the residual. */
  residuals: { name: string; error: number }[];
  instructions: { alone: number; whole: number };
  weightBytes: { alone: number; whole: number };
}

export function derivativesSection(rows: readonly DerivativesRow[], gradients: readonly GradientRow[]): string {
  const steps = rows[0]?.differences[0]?.errors.map(({ step }) => step) ?? [];
  const exact = rows.flatMap((row) =>
    row.differences.map(({ name, errors }) => [
      row.example,
      name,
      short(row.outputs.find((output) => output.name === name)!.error),
      ...errors.map(({ error }) => short(error)),
    ]),
  );
  const costs = rows.map(({ example, outputs, residuals, instructions, weightBytes }) => [
    example,
    outputs.map(({ name }) => name).join(', '),
    count(instructions.alone),
    count(instructions.whole),
    (instructions.whole / instructions.alone).toFixed(2),
    count(weightBytes.alone),
    count(weightBytes.whole),
    residuals.map(({ name, error }) => `${name} ${short(error)}`).join(', '),
  ]);
  const modes = gradients.map(({ network, output, inputs, instructions, tableBytes }) => [
    network,
    `${output} by ${inputs}`,
    ...[instructions.alone, instructions.forward, instructions.reverse].map(count),
    (instructions.reverse / instructions.forward).toFixed(2),
    ...[tableBytes.alone, tableBytes.forward, tableBytes.reverse].map(count),
  ]);
  return `## ${DERIVATIVES}

What the residuals of the examples are made of, as outputs of one build (engine \`c\`, uncompressed, for speed unless said
otherwise, values within 1e-3, first derivatives within 2e-3, second ones within 1e-2, or the nearest tolerance that can be
kept), written by \`npm run bench:derivatives -- --write\`. Beside the largest error of the exact tangents stand those of central differences of
the values that the same build sends, by their step as a share of the input's range; all are relative to the largest derivative.

${markdown(['example', 'output', 'tangents', ...steps.map((step) => `2^${Math.log2(step)}`)], exact)}

What that costs on a Cortex-M4, beside a build of the example's own outputs alone: instructions per answer and bytes of
weights. The last column is the largest error of a residual made of these outputs, by the largest of its terms. Tangents are
multiplied by the same bytes as values; weights take more bytes where derivatives ask for more bits, and up to 5 % more where
16 bits are multiplied so much faster than 8 that a build for speed pays for them, or few bytes beyond that for much time.

${markdown(['example', 'outputs', 'alone', 'with derivatives', 'times', 'weights alone', 'with derivatives', 'residuals'], costs)}

Gradients of one output by all inputs, in forward mode (a tangent per input, the network's own matrices) and in reverse mode
(one sweep back, transposed matrices of its own), as \`npm run bench:derivatives -- --gradients\` measures them: instructions per
answer on a Cortex-M4 and bytes of the block table, built for speed in the formats that the noise model proposes for values
within 1e-3 and derivatives within 2e-3.

${markdown(['network', 'gradient', 'alone', 'forward', 'reverse', 'reverse / forward', 'bytes alone', 'forward', 'reverse'], modes)}
`;
}
