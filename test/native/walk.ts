import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { HEADER_BYTES, readHeader } from '../../compiler/table/table.js';
import { C99, COMMON, compileOrThrow, WARNINGS } from '../package/toolchain.js';

/** The C kernels and the C table check as a program of their own, under AddressSanitizer and UBSan. */

export const NATIVE_SOURCES = ['pe_crc32.c', 'pe_kernels.c', 'pe_table.c'].map((name) => join(COMMON, name));
export const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export interface WalkCase {
  table: Uint8Array;
  arenaCapacity: number;
  /** Row-major [points x inputs]. */
  inputs: Int32Array;
}

export interface WalkAnswer {
  check: number;
  statuses: number[];
  outputs: Int32Array;
}

export function buildWalker(folder: string, flags: readonly string[]): string {
  const program = join(folder, `walk${flags.join('').replace(/[^a-z0-9]/gi, '')}`);
  const sources = [join(import.meta.dirname, 'walk_test.c'), ...NATIVE_SOURCES];
  compileOrThrow('cc', [...C99, ...WARNINGS, ...flags, `-I${COMMON}`, ...sources, '-o', program]);
  return program;
}

export function walk(program: string, cases: readonly WalkCase[]): WalkAnswer[] {
  const input = Buffer.concat(
    cases.flatMap(({ table, arenaCapacity, inputs }) => {
      const count = inputCount(table);
      const points = count ? inputs.length / count : 0;
      const head = new Uint8Array(Uint32Array.from([table.length, arenaCapacity, points]).buffer);
      return [head, table, new Uint8Array(inputs.buffer, inputs.byteOffset, 4 * points * count)];
    }),
  );
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`the C kernels stopped with ${status}: ${stderr}`);
  const words = new Int32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  let at = 0;
  return cases.map(({ table, inputs }) => {
    const check = words[at++];
    if (check !== 0) return { check, statuses: [], outputs: new Int32Array() };
    const width = readHeader(table).outputCount;
    const points = inputs.length / inputCount(table);
    const outputs = new Int32Array(points * width);
    const statuses = Array.from({ length: points }, (_, p) => {
      const status = words[at++];
      outputs.set(words.subarray(at, at + width), p * width);
      at += width;
      return status;
    });
    return { check, statuses, outputs };
  });
}

function inputCount(table: Uint8Array): number {
  return table.length >= HEADER_BYTES ? readHeader(table).inputCount : 0;
}
