import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { compressionSession, Progress } from '../../compiler/commands/compress-session.js';
import type { Attempt } from '../../compiler/compress/search/one-method.js';
import { compressOnly } from '../../compiler/pipeline/compress-only.js';
import { CLI, cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** What `pinn-edge compress` puts around a search: events, the cache, Ctrl-C, and its answer where nothing helps. */

const folder = temporaryFolder();
const file = join(folder, 'net.json');
const json = perceptron([2, 8, 8, 1], 'tanh', 5, 0.8);
writeFileSync(file, JSON.stringify(json));
const env = { XDG_CACHE_HOME: join(folder, 'cache') };

type Event = { event: string; best?: { bytes: number; error: number }; kept?: boolean; bytes: unknown } & Record<
  string,
  unknown
>;

function events(...options: string[]): Event[] {
  const result = cli(['compress', file, '--effort', 'quick', '--json', ...options], { env });
  expect(result.err).toBe('');
  expect(result.code).toBe(0);
  return result.out.trim().split('\n').map((line) => JSON.parse(line) as Event); // biome-ignore format: one line
}

describe('compress', () => {
  const small = join(folder, 'small.json');

  test('--json: every attempt with the best so far, then the result; the same from the cache the second time', () => {
    const first = events('--tol', '1e-2', '-o', small);
    const attempts = first.filter(({ event }) => event === 'attempt');
    const kept = attempts.findIndex((attempt) => attempt.kept);
    expect(kept).toBeGreaterThanOrEqual(0);
    expect(attempts.slice(0, kept).every(({ best }) => best === undefined)).toBe(true);
    for (const { best } of attempts.slice(kept)) {
      expect(best!.bytes).toBeGreaterThan(0);
      expect(best!.error).toBeLessThanOrEqual(1);
    }
    expect(first.at(-1)).toMatchObject({ event: 'result', output: small });
    const model = readFileSync(small, 'utf8');
    expect(first.at(-1)).toMatchObject({ cached: false });
    const again = events('--tol', '1e-2', '-o', small);
    expect(again).toEqual(first.map((line) => (line.event === 'result' ? { ...line, cached: true } : line)));
    expect(readFileSync(small, 'utf8')).toBe(model);
    const other = events('--tol', '2e-2', '-o', join(folder, 'other.json'));
    expect(other.some(({ event }) => event === 'attempt')).toBe(true);
  });

  test('its model can be inspected and compressed further', () => {
    const seen = cli(['inspect', small], { env });
    expect(seen.code, seen.err).toBe(0);
    const further = cli(['compress', small, '--tol', '5e-2', '--effort', 'quick', '-o', join(folder, 'less.json')], {
      env,
    });
    expect(further.code, further.err).toBe(0);
    expect(further.out).toMatch(/parameters|left as it is/);
  });

  test('a method that cannot keep the tolerance says how near it came: exit 1', () => {
    const { code, err } = cli(
      ['compress', file, '--tol', '1e-9', '--method', 'int16', '-o', join(folder, 'none.json')],
      { env },
    );
    expect(code).toBe(1);
    expect(err).toMatch(/int16/);
    expect(err).toMatch(/\de-\d/);
  });
});

test('Ctrl-C ends the search of the command with the best so far, whatever its thread is at', async () => {
  const wide = join(folder, 'wide.json');
  writeFileSync(wide, JSON.stringify(perceptron([2, 60, 60, 1], 'tanh', 5, 0.8)));
  const output = join(folder, 'interrupted.json');
  const args = ['compress', wide, '--effort', 'thorough', '--tol', '1e-3', '--json', '-o', output];
  const command = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env } });
  let [out, err] = ['', ''];
  command.stderr.on('data', (text) => {
    err += text;
  });
  command.stdout.on('data', (text) => {
    const isFirst = !out.includes('"kept":true');
    out += text;
    if (isFirst && out.includes('"kept":true')) command.kill('SIGINT');
  });
  const code = await new Promise((resolve) => command.on('close', resolve));
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringContaining('stopping: the best so far is kept; once more to end at once'),
  });
  const lines: Event[] = out.trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one line
  const best = lines.findLast(({ best: known }) => known)!.best!;
  const result = lines.at(-1) as Event & { bytes: { after: number } };
  expect(result).toMatchObject({ event: 'result', cached: false });
  expect(result.bytes.after).toBeLessThanOrEqual(best.bytes);
});

test('Ctrl-C leaves the best so far, and nothing in the cache', async () => {
  const attempts: Attempt[] = [];
  const session = compressionSession({
    cache: false,
    onAttempt: (attempt, best) => {
      attempts.push(attempt);
      if (best) process.emit('SIGINT');
    },
  });
  const model = modelFrom(perceptron([2, 12, 12, 1], 'tanh', 5, 0.8));
  const result = await compressOnly(model, { tolerance: 1e-2, compressWith: session, compress: { share: 1 } });
  // The attempt that is under way when it is asked ends at its next look.
  const first = attempts.findIndex(({ kept }) => kept);
  expect(attempts.length - first).toBeLessThanOrEqual(3);
  expect(result.model).toBeDefined();
  expect(result.parameters.after).toBeLessThan(result.parameters.before);
});

test('progress goes on while a single network takes long, a line every ten seconds where there is no terminal', () => {
  let now = 0;
  const written: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const terminal = process.stderr.isTTY;
  try {
    process.stderr.isTTY = false;
    const progress = new Progress(() => now);
    for (now = 0; now < 25_000; now += 500) progress.goOn();
    const made = { by: 'prune', what: 'width 4', parameters: 30, bytes: 80, cost: 80, refined: true };
    const attempt = { ...made, error: 0.5, within: true, kept: true };
    progress.show(attempt, attempt);
    for (; now <= 40_000; now += 500) progress.goOn();
    // A quarter of the work is done after 40 s, at most: what is left takes three times as long.
    progress.show({ ...attempt, work: { done: 1e9, left: 3e9 } }, attempt);
    for (; now <= 50_000; now += 500) progress.goOn();
    expect(
      written.map((line) =>
        / (\d+ s|50 s \(at most about \d+ s more\)), (nothing tried|best 80 B)/.exec(line)?.slice(1),
      ),
    ).toEqual([
      ['10 s', 'nothing tried'],
      ['20 s', 'nothing tried'],
      ['30 s', 'best 80 B'],
      ['40 s', 'best 80 B'],
      ['50 s (at most about 112 s more)', 'best 80 B'],
    ]);
  } finally {
    process.stderr.isTTY = terminal;
    write.mockRestore();
  }
});
