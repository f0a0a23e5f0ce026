import type { Model } from '../../compiler/model/types.js';
import { ARENA, type Dialect, INPUT, type Index, OUTPUT, type Place, writeFloatProgram } from './float-program.js';

/** A model as plain float32 C: what onnx2c and its like generate. */

const number = (value: number): string => {
  const text = String(Math.fround(value));
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
};

const element = ({ array, offset }: Place, index: Index): string => {
  if (index !== 'i') return `${array}[${offset + index}]`;
  return offset === 0 ? `${array}[i]` : `${array}[${offset} + i]`;
};

const loop = (count: number, body: readonly string[]): string[] => [
  `for (int i = 0; i < ${count}; i++) {`,
  ...body.map((line) => `  ${line}`),
  '}',
];

const C: Dialect = {
  constants: (name, values) =>
    `static const float ${name}[${values.length}] = {${Array.from(values, number).join(', ')}};`,
  arena: (floats) => `static float ${ARENA}[${floats}];`,
  procedure: (name, body) => `static void ${name}(void) {\n${body.map((line) => `  ${line}\n`).join('')}}`,
  call: (name) => `${name}();`,
  loop,
  let: (name, value) => `const float ${name} = ${value};`,
  read: element,
  write: (place, index, value) => `${element(place, index)} = ${value};`,
  number,
  fn: (name, ...args) =>
    `${name === 'abs' || name === 'min' || name === 'max' ? `f${name}` : name}f(${args.join(', ')})`,
  dense: (weight, bias, x, out, rows, cols) => [
    `for (int r = 0; r < ${rows}; r++) {`,
    `  float sum = ${bias ? `${bias}[r]` : '0.0f'};`,
    `  for (int i = 0; i < ${cols}; i++) sum += ${weight}[r * ${cols} + i] * ${element(x, 'i')};`,
    `  ${out.array}[${out.offset} + r] = sum;`,
    '}',
  ],
};

/** The C file of a rival (see harness/rival.h); undefined when an operation has no float32 function. */
export function floatC(model: Model): string | undefined {
  const program = writeFloatProgram(model, C);
  if (!program) return undefined;
  return `#include <math.h>

#include "rival.h"

${program.declarations.join('\n\n')}

int rival_open(void) { return 0; }

int rival_infer(const float *${INPUT}, float *${OUTPUT}) {
${program.body.map((line) => `  ${line}\n`).join('')}  return 0;
}
`;
}
