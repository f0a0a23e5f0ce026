import { describe, expect, test } from 'vitest';
import { deviceRefusal } from '../../compiler/code/asc/device.js';
import { nativeStackBound } from '../../compiler/code/cost/native-stack.js';
import { Wasm3Module } from '../../targets/host/wasm3.js';
import { HOSTILE } from './hostile.js';
import { MEMORY_BYTES } from './tiny-module.js';

/**
 * The bound of the native stack that devices compute (pe_check_stack.c, and the same in the compiler), against what the
 * interpreter takes on this machine without tail calls, and with them. The boards are in boards.test.ts.
 */

const TARGET = { isa: process.arch === 'x64' ? 'x86-64' : 'other', wasm3: { codePageBytes: 1024 } };

function measured(wasm: Uint8Array, tailCalls: boolean): number {
  expect(deviceRefusal(wasm, MEMORY_BYTES)).toBeUndefined();
  const module = Wasm3Module.load(wasm, { memoryLimitBytes: MEMORY_BYTES, tailCalls });
  try {
    module.call('run');
    return module.usage().nativeStackBytes;
  } finally {
    module.dispose();
  }
}

describe.each(Object.keys(HOSTILE) as (keyof typeof HOSTILE)[])('%s', (kind) => {
  test.each([3, 24, 95, 400])('of size %i', (n) => {
    const wasm = HOSTILE[kind](kind === 'copiedLocals' ? n / 3 : n);
    const without = nativeStackBound(wasm, { ...TARGET, tailCalls: false }).bytes;
    expect(measured(wasm, false)).toBeLessThanOrEqual(without);
    const withThem = nativeStackBound(wasm, { isa: 'native', tailCalls: true, wasm3: TARGET.wasm3 }).bytes;
    expect(measured(wasm, true)).toBeLessThanOrEqual(withThem);
    // A bound that is far too high would refuse what runs.
    if (without > 10_000) expect(measured(wasm, false)).toBeGreaterThan(0.4 * without);
  });
});
