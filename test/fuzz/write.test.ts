import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'vitest';
import { seeds } from './seeds.js';

test('seeds', async () => {
  for (const [name, bytes] of await seeds()) {
    const file = join('/tmp/fz/corpus', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}, 300000);
