import { describe, expect, test } from 'vitest';
import { buildForTarget } from '../../compiler/deliver/build.js';
import type { Target } from '../../compiler/deliver/package/target.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** What is refused for its size says what fits, and that does fit. */

const esp32 = loadTarget('esp32');
const model = modelFrom(perceptron([2, 8, 8, 1]));
const SETTINGS = { compress: 'none', tolerance: 0.1 } as const;
/** Bytes of stack that pe_open takes to check any module, and those of the firmware. */
const LEAST_STACK = 3840 + 1024;

async function refusal(target: Target, settings: object): Promise<{ code: string; advice: string; tried: string[] }> {
  const tried: string[] = [];
  try {
    await buildForTarget(model, target, { ...SETTINGS, ...settings }, { onTry: (option) => tried.push(option) });
  } catch (error) {
    if (!(error instanceof PinnEdgeError)) throw error;
    return { code: error.code, advice: String(error.values.advice), tried };
  }
  throw new Error('did not throw');
}

describe('a build that does not fit', () => {
  test('of a native stack that wasm3 exceeds names the engine that does not', async () => {
    const shallow = { ...esp32, name: 'shallow', nativeStackBytes: LEAST_STACK };
    const { code, advice, tried } = await refusal(shallow, {});
    expect(code).toBe('PE4002');
    expect(tried).toEqual(['--for memory', '--engine wasm3+native']);
    expect(advice).toBe('with --engine wasm3+native it fits, that was tried');
    const { report } = await buildForTarget(model, shallow, { ...SETTINGS, engine: 'wasm3+native' });
    expect(report.nativeStackBytes).toBe(LEAST_STACK - 1024);
  });

  test('of too little flash says what was tried in vain, and leaves engines out', async () => {
    const { advice, tried } = await refusal({ ...esp32, name: 'tiny', flashBytes: 200 }, { goal: 'memory' });
    expect(tried).toEqual(['--for size', '--tol 1']);
    expect(advice).toMatch(/; tried without success: --for size, --tol 1$/);
  });
});
