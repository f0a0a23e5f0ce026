import { describe, expect, test } from 'vitest';
import { prefixOf, requirePrefix } from '../../compiler/code/names.js';
import { type HeaderInput, modelHeader } from '../../compiler/deliver/package/header.js';

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
  outputs: [{ name: 'temperature at "A"', unit: '°C', exponent: 24, scale: 1e-7, offset: -273.15, largest: 50 }],
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

  test('texts that look like its names stay as they are', () => {
    const inputs = [{ ...INPUT.inputs[0], name: 'pinn_model', unit: 'PINN_MODEL_X' }];
    expect(modelHeader({ ...INPUT, inputs })).toContain('{"pinn_model", "PINN_MODEL_X", -1.0,');
  });

  test('a model of any name has a prefix that C takes, and is none of the library', () => {
    const names = ['Heat Rod', '2d wave', 'pe', 'pe_format', 'pinn_model', '°', 'x'.repeat(99), 'double'];
    const prefixes = names.map(prefixOf);
    expect(prefixes).toEqual([
      ...['heat_rod', 'model_2d_wave', 'model_pe', 'model_pe_format', 'model_pinn_model', 'model'],
      ...['x'.repeat(34), 'double'],
    ]);
    for (const prefix of prefixes) expect(requirePrefix(prefix)).toBe(prefix);
    for (const name of ['', 'Heat', '2d', 'a b', 'pe', 'pe_x', 'pinn_model', 'x'.repeat(41)])
      expect(() => requirePrefix(name), name).toThrow('--name');
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
    expect(header.split('\n')[0]).toBe('// Model "a?#error */ "_/" for pinn_edge.h, called a_error here.');
    expect(header.split('\n')[1]).toBe('// ends with _');
    expect(header.match(/^#error.*$/gm)).toEqual([expect.stringContaining('two models are called a_error')]);
    expect(header).toContain('{"\\042};\\012", "\\134", -1.0, 0.1, 29},');
    expect(header).not.toContain('_golden');
  });

  test('names that would make the same macro are numbered, and none hides the counts', () => {
    const named = (name: string) => ({ ...INPUT.inputs[0], name });
    const header = modelHeader({ ...INPUT, inputs: ['u_t', 'u-t', 'U T', 'count'].map(named) });
    expect(header).toContain('#define PLATE_INPUT_U_T 0\n#define PLATE_INPUT_U_T_2 1\n');
    expect(header).toContain('#define PLATE_INPUT_U_T_3 2\n#define PLATE_INPUT_COUNT_2 3\n');
  });
});
