import { beforeAll, describe, expect, it } from 'vitest';
import { DEVICE } from '../../bench/training-boards.js';
import { createWasm3Engine } from '../../compiler/code/engines/create.js';
import {
  compileStepModule,
  type DeviceOptions,
  hashOf,
  instantiateStep,
  lossOf,
  type StepModule,
  trainingOptions,
} from '../../compiler/compress/integer-training/device/step-module.js';
import { poisson } from '../../compiler/compress/integer-training/problems.js';
import { createTraining } from '../../compiler/compress/integer-training/training.js';
import { trainOnBoard } from '../../compiler/run/boards/train-board.js';
import { BOARDS } from '../boards/setup.js';

/** Loss and hash of the stored weights after each of some steps, by training.ts. */
function onHost(options: DeviceOptions, steps: number): [number, number][] {
  const training = createTraining(poisson(), trainingOptions(options));
  return Array.from({ length: steps }, () => [training.step(), hashOf(training.layers)]);
}

describe('the training step as a module', () => {
  let module: StepModule;
  beforeAll(async () => {
    module = await compileStepModule(DEVICE);
  });

  it('is the host to the bit under V8, over 200 steps', async () => {
    const run = await instantiateStep(module.wasm);
    const host = onHost(DEVICE, 200);
    const words = Int32Array.from(host.flatMap(() => [...run(1)]));
    expect(stepsIn(words, DEVICE)).toEqual(host);
    expect(host[199][0]).toBeLessThan(host[0][0] / 100);
    // Without a command, and after the last step, nothing changes.
    expect([...run(0)]).toEqual([...words.subarray(-5)]);
    expect([...run(1)]).toEqual([...words.subarray(-5)]);
  });

  it('is the host to the bit with other widths, points, deviations, seeds and rounding to nearest', async () => {
    for (const change of [
      { width: 12, seed: 7, rounding: 'nearest' },
      { width: 32, seed: 3, points: 4, conditionPoints: 12, sigma: 0.1 },
      { seed: 9, conditionPoints: 0, rate: 0.3, sigma: 0.003 },
    ] as const) {
      const options = { ...DEVICE, steps: 25, ...change };
      const run = await instantiateStep((await compileStepModule(options)).wasm);
      const host = onHost(options, 25);
      expect(stepsIn(Int32Array.from(host.flatMap(() => [...run(1)])), options)).toEqual(host);
    }
  });

  it('is the host to the bit under wasm3, as a device checks and limits it', () => {
    const { wasm, memoryBytes, outputs } = module;
    for (const tailCalls of [true, false]) {
      const wasm3 = { stackBytes: 2048, tailCalls };
      const engine = createWasm3Engine({
        wasm,
        table: new Uint8Array(0),
        memoryBytes,
        inputCount: 1,
        outputCount: outputs,
        wasm3,
      });
      expect(stepsIn(engine.run(new Int32Array(5).fill(1)).outputs, DEVICE)).toEqual(onHost(DEVICE, 5));
      engine.dispose();
    }
  });

  it('is refused for widths that are no rows of blocks', async () => {
    await expect(compileStepModule({ ...DEVICE, width: 18 })).rejects.toThrow(
      'width: layers on a device have a multiple of 4 neurons, at most 256, found 18',
    );
  });

  for (const { name, board, isSkipped } of BOARDS.filter((each) => ['cortex-m4', 'rv32imc'].includes(each.name))) {
    it.skipIf(isSkipped)(`is the host to the bit on the emulated ${name}, in at most 64 kB of RAM`, () => {
      const { words, ramBytes, instructions } = trainOnBoard(board, module, 3);
      expect(stepsIn(words, DEVICE)).toEqual(onHost(DEVICE, 3));
      expect(ramBytes).toBeLessThanOrEqual(64_000);
      expect(instructions).toBeLessThan(100e6);
    });
  }
});

/** Loss and hash after each step, of the module's words. */
function stepsIn(words: Int32Array, options: DeviceOptions): [number, number][] {
  return Array.from({ length: words.length / 5 }, (_, s) => {
    const own = words.subarray(5 * s, 5 * s + 5);
    return [lossOf(own, options), own[4]];
  });
}
