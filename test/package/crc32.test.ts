import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { buildProgram } from '../update/fixture.js';
import { run } from './toolchain.js';

const folder = temporaryFolder();

it('CRC-32 is the same with and without scratch memory, at every alignment, and that of the catalogue', () => {
  const program = buildProgram(folder, 'crc32', ['pe_crc32.c', join(PACKAGE_ROOT, 'test/package/crc32_test.c')]);
  // "check" of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
  expect(run(program, [])).toEqual({ status: 0, stdout: 'cbf43926 00000000\n', stderr: '' });
});
