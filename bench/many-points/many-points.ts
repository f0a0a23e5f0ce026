import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** Answers of block tables at millions of points: many-points.c, compiled for the processor that it runs on. */

const COMMON = join(PACKAGE_ROOT, 'targets', 'common');
const SOURCES = [
  join(PACKAGE_ROOT, 'bench', 'many-points', 'many-points.c'),
  ...['pe_table.c', 'pe_crc32.c'].map((file) => join(COMMON, file)),
];
const FLAGS = ['-std=gnu11', '-O3', '-march=native', '-DPE_LONG_KERNELS=1', `-I${COMMON}`];
const MOST_OUTPUT = 2 ** 31 - 1;

export class ManyPoints {
  private readonly folder = mkdtempSync(join(tmpdir(), 'pinn-edge-many-points-'));
  private readonly program = join(this.folder, 'many-points');

  constructor() {
    this.run(process.env.CC ?? 'cc', [...FLAGS, ...SOURCES, '-o', this.program]);
  }

  /**
   * @param table as engines in C read it
   * @param words row-major [points x inputs]
   * @returns row-major [points x outputs]
   */
  answers(table: Uint8Array, words: Int32Array): Int32Array {
    const file = join(this.folder, 'table');
    writeFileSync(file, table);
    const bytes = this.run(this.program, [file], Buffer.from(words.buffer, words.byteOffset, words.byteLength));
    return new Int32Array(new Uint8Array(bytes).buffer);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private run(program: string, args: readonly string[], input?: Buffer): Buffer {
    const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: MOST_OUTPUT });
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr.toString()}`);
    return stdout;
  }
}
