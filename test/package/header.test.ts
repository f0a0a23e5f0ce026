import { describe, expect, test } from 'vitest';
import { type HeaderInput, modelHeader } from '../../compiler/package/header.js';

const INPUT: HeaderInput = {
  name: 'plate',
  payload: Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0]),
  identity: 0x0123abcd,
  memoryBytes: 1234,
  stackBytes: 2048,
  heapBytes: 9000,
  inputs: [
    { name: 'x', unit: 'm', min: -1, max: 0.1, exponent: 29 },
    { name: 'X', min: 0, max: 1e21, exponent: -41 },
  ],
  outputs: [{ name: 'temperature at "A"', unit: '°C', exponent: 24, scale: 1e-7, offset: -273.15 }],
  golden: {
    inputWords: Int32Array.from([1, -2, -(2 ** 31), 2 ** 31 - 1]),
    outputWords: Int32Array.from([7, -8]),
    count: 2,
  },
  provenance: 'pinn-edge 0.1.0, model 0011223344556677',
};

describe('modelHeader', () => {
  test('holds the whole model', () => {
    expect(modelHeader(INPUT)).toMatchSnapshot();
  });

  test('is the same text every time', () => {
    expect(modelHeader(INPUT)).toBe(modelHeader(structuredClone(INPUT)));
  });

  test('text cannot leave its comment or its string', () => {
    const header = modelHeader({
      ...INPUT,
      name: 'a\n#error */ "??/',
      provenance: 'ends with \\',
      inputs: [{ ...INPUT.inputs[0], name: '"};\n', unit: '\\' }],
      golden: { inputWords: new Int32Array(0), outputWords: new Int32Array(0), count: 0 },
    });
    expect(header.split('\n')[0]).toBe('// Model "a?#error */ "_/" for pinn_edge.h.');
    expect(header.split('\n')[1]).toBe('// ends with _');
    expect(header).not.toMatch(/^#error/m);
    expect(header).toContain('{"\\042};\\012", "\\134", -1.0, 0.1, 29},');
    expect(header).not.toContain('pinn_model_golden');
  });

  test('names that would make the same macro are numbered, and none hides the counts', () => {
    const named = (name: string) => ({ ...INPUT.inputs[0], name });
    const header = modelHeader({ ...INPUT, inputs: ['u_t', 'u-t', 'U T', 'count'].map(named) });
    expect(header).toContain('#define PINN_MODEL_INPUT_U_T 0\n#define PINN_MODEL_INPUT_U_T_2 1\n');
    expect(header).toContain('#define PINN_MODEL_INPUT_U_T_3 2\n#define PINN_MODEL_INPUT_COUNT_2 3\n');
  });
});
