import type { Model } from '../../compiler/model/types.js';
import { ARENA, type Dialect, INPUT, type Index, OUTPUT, type Place, writeFloatProgram } from './float-program.js';

/**
 * A model as float32 AssemblyScript, the same program as the plain C: one loop nest per node, products unrolled by four,
 * AssemblyScript's own single-precision functions.
 */

const number = (value: number): string => `<f32>(${Math.fround(value)})`;

/** Address of an element, and the constant part of it for the instruction's own offset. */
const address = ({ array, offset }: Place, index: Index): [base: string, offset: number] =>
  index === 'i' ? [`${array} + (i << 2)`, 4 * offset] : [array, 4 * (offset + index)];

const read = (place: Place, index: Index): string => `load<f32>(${address(place, index).join(', ')})`;

const UNROLL = 4;

function products(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, k) => {
    const at = 4 * (from + k);
    return `sum += load<f32>(w, ${at}) * load<f32>(x, ${at});`;
  });
}

const ASSEMBLYSCRIPT: Dialect = {
  constants: (name, values) =>
    `const ${name} = memory.data<f32>([${Array.from(values, (value) => Math.fround(value)).join(', ')}]);`,
  arena: (floats) => `const ${ARENA} = memory.data(${4 * floats}, 4);`,
  procedure: (name, body) => `function ${name}(): void {\n${body.map((line) => `  ${line}\n`).join('')}}`,
  call: (name) => `${name}();`,
  loop: (count, body) =>
    count === 1
      ? ['{ const i: usize = 0;', ...body, '}']
      : [`for (let i: usize = 0; i < ${count}; i++) {`, ...body.map((line) => `  ${line}`), '}'],
  let: (name, value) => `const ${name}: f32 = ${value};`,
  read,
  write: (place, index, value) => {
    const [base, offset] = address(place, index);
    return `store<f32>(${base}, ${value}, ${offset});`;
  },
  number,
  fn: (name, ...args) => `${name === 'min' || name === 'max' ? `${name}<f32>` : `Mathf.${name}`}(${args.join(', ')})`,
  dense: (weight, bias, x, out, rows, cols) => {
    const whole = cols - (cols % UNROLL);
    const bytes = 4 * UNROLL;
    return [
      `let w: usize = ${weight};`,
      `for (let r: usize = 0; r < ${rows}; r++) {`,
      `  let sum: f32 = ${bias ? `load<f32>(${bias} + (r << 2))` : '0'};`,
      `  let x: usize = ${x.array} + ${4 * x.offset};`,
      ...(whole
        ? [
            `  for (const end: usize = x + ${4 * whole}; x < end; x += ${bytes}, w += ${bytes}) {`,
            ...products(0, UNROLL).map((line) => `    ${line}`),
            '  }',
          ]
        : []),
      ...products(0, cols - whole).map((line) => `  ${line}`),
      `  w += ${4 * (cols - whole)};`,
      `  store<f32>(${out.array} + (r << 2), sum, ${4 * out.offset});`,
      '}',
    ];
  },
};

/** The AssemblyScript file; undefined when an operation has no float32 function. */
export function floatAssemblyScript(model: Model): string | undefined {
  const program = writeFloatProgram(model, ASSEMBLYSCRIPT);
  if (!program) return undefined;
  return `const ${INPUT} = memory.data(${4 * model.inputs.length}, 4);
const ${OUTPUT} = memory.data(${4 * model.outputs.length}, 4);
${program.declarations.join('\n\n')}

export function input(): usize { return ${INPUT}; }
export function output(): usize { return ${OUTPUT}; }

export function run(): void {
${program.body.map((line) => `  ${line}\n`).join('')}}
`;
}
