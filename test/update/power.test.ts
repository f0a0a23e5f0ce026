import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/cli.js';
import { buildHarness, drive as driveFrom, type Images, writeImages } from './slots_harness.js';

const folder = temporaryFolder();

let images: Images;
let fast = '';
let sanitized = '';

beforeAll(async () => {
  images = await writeImages(folder);
  fast = buildHarness(folder, 'slots_test', ['-O2']);
  sanitized = buildHarness(folder, 'slots_test');
}, 300_000);

const drive = (program: string, mode: string, unit: number, next: keyof Images = 'next') =>
  driveFrom(program, mode, unit, images.old, images[next]);

describe('power loss', () => {
  test.each([
    { unit: 8, by: 'a module', next: 'next' },
    { unit: 256, by: 'a module', next: 'next' },
    { unit: 64, by: 'a block table', next: 'table' },
  ] as const)(
    'at every write and erase, programming $unit bytes at once, of a module replaced by $by',
    ({ unit, next }) => {
      const lines = drive(fast, 'cuts', unit, next);
      expect(lines).toHaveLength(5);
      for (const line of lines.slice(0, 4)) {
        const [operations, cuts, before, after] = line.match(/\d+/g)!.map(Number);
        expect(operations).toBeGreaterThan(line.startsWith('a rollback') ? 1 : 10);
        expect(cuts).toBe(3 * operations);
        expect(before + after).toBe(cuts);
        // Both do happen: until the record is written the old model runs, and the new one afterwards.
        expect(Math.min(before, after)).toBeGreaterThan(0);
      }
    },
    300_000,
  );

  test('again and again', () => {
    const [line] = drive(fast, 'storms', 16);
    expect(Number(/(\d+) cuts/.exec(line)![1])).toBeGreaterThan(20);
  }, 120_000);

  test('with sanitizers', () => {
    drive(sanitized, 'storms', 32);
  }, 120_000);
});

test('every flipped bit of a record or slot leaves the old or the new model running', () => {
  drive(fast, 'flips', 16);
}, 120_000);
