import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two workers: the machines this runs on in CI have two cores, and wasm3 and asc take memory.
    maxWorkers: 2,
  },
});
