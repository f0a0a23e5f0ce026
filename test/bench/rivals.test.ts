import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instantiate } from '@assemblyscript/loader';
import { describe, expect, test } from 'vitest';
import { EXAMPLES, exampleModel } from '../../bench/product.js';
import { floatC } from '../../bench/rivals/float-c.js';
import { floatAssemblyScript } from '../../bench/rivals/float-wasm.js';
import { compileAssemblyScript, ENTRY } from '../../compiler/code/asc/run-asc.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom } from '../helpers/models.js';

/** The float32 programs that pinn-edge is compared with compute the model, in C and in AssemblyScript. */

const RELATIVE = 2e-5;

const UNARY = ['tanh', 'sin', 'cos', 'sigmoid', 'silu', 'softplus', 'relu', 'exp', 'atan', 'abs', 'mish', 'neg'];

/** Every operation that has a float32 program, each an output. */
function everyOperation(): Model {
  const nodes: Record<string, unknown>[] = [
    { name: 'v', op: 'concat', inputs: ['x', 'y'] },
    { name: 'd', op: 'dense', inputs: ['v'], weight: 'w', bias: 'b' },
    ...UNARY.map((op) => ({ name: op, op, inputs: ['d'] })),
    { name: 'positive', op: 'scale', inputs: ['abs'], scale: [2], shift: [0.5, 1, 1.5] },
    ...['sqrt', 'log', 'reciprocal'].map((op) => ({ name: op, op, inputs: ['positive'] })),
    { name: 'square', op: 'pow', inputs: ['d'], exponent: 2 },
    { name: 'power', op: 'pow', inputs: ['positive'], exponent: 1.5 },
    { name: 'elu', op: 'elu', inputs: ['d'], alpha: 0.7 },
    { name: 'leaky', op: 'leaky_relu', inputs: ['d'] },
    { name: 'clipped', op: 'clip', inputs: ['d'], min: -0.5, max: 0.5 },
    { name: 'added', op: 'add', inputs: ['d', 'x'] },
    { name: 'less', op: 'sub', inputs: ['x', 'd'] },
    { name: 'product', op: 'mul', inputs: ['d', 'd'] },
    { name: 'quotient', op: 'div', inputs: ['d', 'positive'] },
    { name: 'smaller', op: 'min', inputs: ['d', 'y'] },
    { name: 'larger', op: 'max', inputs: ['d', 'y'] },
    { name: 'chosen', op: 'select', inputs: ['d', 'x', 'square'] },
    { name: 'total', op: 'sum', inputs: ['d'] },
    { name: 'average', op: 'mean', inputs: ['square'] },
    { name: 'part', op: 'slice', inputs: ['d'], start: 1, stop: 3 },
    { name: 'constant', op: 'constant', value: [0.25, -3] },
  ];
  const outputs = nodes.map(({ name }) => ({ name: `out_${name}`, value: name, scale: 2, offset: -1 }));
  const tensors = {
    w: { shape: [3, 2], data: [0.9, -0.4, 0.3, 1.1, -0.7, 0.2] },
    b: { shape: [3], data: [0.1, -0.2, 0.3] },
  };
  const inputs = ['x', 'y'].map((name) => ({ name, min: -1.5, max: 1.5 }));
  return modelFrom({ format: 'pinn-edge/1', name: 'operations', inputs, outputs, tensors, nodes });
}

function runC(model: Model, text: string, points: Float32Array): Float32Array {
  const folder = temporaryFolder();
  const main = `#include <stdio.h>
#include "rival.h"
int main(void) {
  float in[${model.inputs.length}], out[${model.outputs.length}];
  while (fread(in, sizeof in, 1, stdin) == 1) {
    rival_infer(in, out);
    fwrite(out, sizeof out, 1, stdout);
  }
  return 0;
}
`;
  writeFileSync(join(folder, 'main.c'), main);
  writeFileSync(join(folder, 'rival.h'), 'int rival_open(void);\nint rival_infer(const float *in, float *out);\n');
  writeFileSync(join(folder, 'model.c'), text);
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', 'main.c', 'model.c', '-o', 'run', '-lm'];
  const compiled = spawnSync('cc', flags, { cwd: folder, encoding: 'utf8' });
  expect(compiled.stderr).toBe('');
  const { stdout } = spawnSync(join(folder, 'run'), { input: new Uint8Array(points.buffer) });
  return new Float32Array(Uint8Array.from(stdout).buffer);
}

async function runAssemblyScript(model: Model, text: string, points: Float32Array): Promise<Float32Array> {
  interface Exports extends Record<string, unknown> {
    memory: { buffer: ArrayBuffer };
    input(): number;
    output(): number;
    run(): void;
  }
  const { exports } = await instantiate<Exports>(await compileAssemblyScript(new Map([[ENTRY, text]])));
  const memory = new Float32Array(exports.memory.buffer);
  const [d, width] = [model.inputs.length, model.outputs.length];
  const answers = new Float32Array((points.length / d) * width);
  for (let p = 0; p * d < points.length; p++) {
    memory.set(points.subarray(p * d, (p + 1) * d), exports.input() / 4);
    exports.run();
    answers.set(memory.subarray(exports.output() / 4, exports.output() / 4 + width), p * width);
  }
  return answers;
}

function requireNear(model: Model, answers: Float32Array, points: Float32Array): void {
  const wanted = evaluateReference(model, Float64Array.from(points));
  expect(answers.length).toBe(wanted.length);
  const width = model.outputs.length;
  model.outputs.forEach(({ name }, k) => {
    const column = (values: ArrayLike<number>) => Array.from(values).filter((_, i) => i % width === k);
    const [w, a] = [column(wanted), column(answers)];
    const largest = Math.max(...w.map(Math.abs));
    expect(Math.max(...w.map((value, i) => Math.abs(value - a[i]))), name).toBeLessThanOrEqual(RELATIVE * largest);
  });
}

describe('float32 programs compute the model', () => {
  test.each(['every operation', ...EXAMPLES])('%s', async (name) => {
    const model = name === 'every operation' ? everyOperation() : exampleModel(name);
    const points = Float32Array.from(coveringPoints(inputBox(model.inputs), 64));
    requireNear(model, runC(model, floatC(model)!, points), points);
    requireNear(model, await runAssemblyScript(model, floatAssemblyScript(model)!, points), points);
  });

  test('an operation without a float32 function has none', () => {
    const nodes = [{ name: 'e', op: 'erf', inputs: ['x'] }];
    const inputs = [{ name: 'x', min: 0, max: 1 }];
    const model = modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, nodes, outputs: [{ name: 'o', value: 'e' }] });
    expect(floatC(model)).toBeUndefined();
    expect(floatAssemblyScript(model)).toBeUndefined();
  });
});
