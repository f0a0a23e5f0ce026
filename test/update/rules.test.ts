import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/cli.js';
import { buildHarness, drive, type Images, writeImages } from './slots_harness.js';

const folder = temporaryFolder();

let images: Images;
let program = '';

beforeAll(async () => {
  images = await writeImages(folder);
  program = buildHarness(folder, 'rules_test');
}, 300_000);

const UNITS = [1, 4, 32, 256];

test.each([
  ['rules', 'versions, rollback, refusals and resume'],
  ['records', 'a record stands for the very image that was tried, and is written before the other slot is touched'],
  ['wear', 'nothing is erased for what is refused, and nothing often, whoever is on the line'],
  ['built_in', 'a new firmware with a higher version wins, once; without a flash the built-in model runs'],
])(
  '%s: %s',
  (mode) => {
    for (const unit of UNITS) expect(drive(program, mode, unit, images.old, images.next).length).toBeGreaterThan(1);
    drive(program, mode, 64, images.old, images.table);
  },
  120_000,
);
