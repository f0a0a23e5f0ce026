import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadBuild } from '../../compiler/deliver/package/store.js';
import { crc32 } from '../../compiler/deliver/report/page/crc32.js';
import { pageOfFolder } from '../../compiler/deliver/report/page-build.js';
import { reportPage } from '../../compiler/deliver/report/report-page.js';
import { fromSevenBits, toSevenBits } from '../../compiler/deliver/report/seven-bits.js';
import { EXIT } from '../../compiler/diagnostics.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { loadModel } from '../../compiler/index.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron, randoms } from '../helpers/models.js';

/** The command report: the same bytes from the folder as from the build, small, without requests; what it refuses. */

const folder = temporaryFolder();
const build = join(folder, 'build');
const file = join(folder, 'net.json');
/** Of the page's code and style, in the file. */
const CODE_BYTES = 52_000;
/** Of a whole page; the attempts of a search take less than 1,000 bytes more. */
const PAGE_BYTES = 199_000;
/** More than poisson-wide's module has when it is compressed. */
const COMPRESSED_BYTES = 3_800;

beforeAll(() => {
  writeFileSync(file, JSON.stringify(perceptron([2, 8, 8, 2])));
  const built = cli(['build', file, '--compress', 'none', '--tol', '1e-2', '-o', build]);
  expect(built.code, built.err).toBe(0);
});

describe('report', () => {
  it('gives the same bytes as the build, and asks for nothing', () => {
    const first = readFileSync(join(build, 'report.html'));
    const again = join(folder, 'again.html');
    const result = cli(['report', build, '-o', again, '--json']);
    expect(result.code, result.err).toBe(0);
    expect(JSON.parse(result.out)).toEqual({ file: again, bytes: first.length });
    expect(readFileSync(again).equals(first)).toBe(true);
    const text = String(first);
    const [data] = /<script type="text\/plain" id="data">[^<]*/.exec(text)!;
    expect(text.length - data.length).toBeLessThan(CODE_BYTES);
    expect(text.replace(data, '')).not.toMatch(/(src|href)="(?!data:)/);
    expect(text).toContain("default-src 'none'");
  });

  it.runIf(process.platform === 'linux')(
    'hands the page to what opens pages, or says that there is nothing',
    async () => {
      const tools = join(folder, 'tools');
      mkdirSync(tools);
      expect(cli(['report', build, '--open'], { env: { PATH: tools } }).err).toContain('open it; open ');
      const opened = join(folder, 'opened');
      writeFileSync(
        join(tools, 'xdg-open'),
        `#!/bin/sh\necho "$1" > "${opened}.part" && mv "${opened}.part" "${opened}"\n`,
      );
      chmodSync(join(tools, 'xdg-open'), 0o755);
      expect(cli(['report', build, '--open'], { env: { PATH: `${tools}:${process.env.PATH}` } }).code).toBe(0);
      await vi.waitUntil(() => existsSync(opened), { timeout: 20_000 });
      expect(readFileSync(opened, 'utf8').trim()).toBe(join(build, 'report.html'));
    },
  );

  it('compares two builds and not three, and says what is no build', () => {
    const both = join(folder, 'both.html');
    expect(cli(['report', build, build, '-o', both]).code).toBe(0);
    const refused = (args: string[], part: string) => {
      const result = cli(args);
      expect(result.code).toBe(EXIT.badInput);
      expect(result.err).toContain(part);
    };
    refused(['report', build, build, build], 'compares two');
    refused(['report', join(folder, 'nothing')], 'not a pinn-edge build');
    const golden = readFileSync(join(build, 'golden.json'), 'utf8');
    writeFileSync(join(build, 'golden.json'), golden.replace('"points": [', '"points": [[1],'));
    refused(['report', build], 'golden.json');
    writeFileSync(join(build, 'golden.json'), golden.slice(100));
    refused(['report', build], 'golden.json is not JSON');
    writeFileSync(join(build, 'golden.json'), golden);
  });
});

describe('the page of the largest example', () => {
  it('has at most 200 kB with a compressed program', () => {
    const { model: _, ...page } = pageOfFolder(loadBuild(build));
    const model = loadModel(join(PACKAGE_ROOT, 'examples/poisson-wide/model.json'));
    const wasm = page.wasm.subarray(0, COMPRESSED_BYTES);
    expect(Buffer.byteLength(reportPage([{ ...page, model, wasm }]))).toBeLessThan(PAGE_BYTES);
  });
});

describe('what a page carries', () => {
  const next = randoms(5);

  it('comes back from its letters, whatever its length', () => {
    for (let length = 0; length < 40; length++) {
      const bytes = Uint8Array.from({ length }, () => Math.floor(128 + 128 * next()));
      expect(fromSevenBits(toSevenBits(bytes))).toEqual(bytes);
    }
    expect(() => fromSevenBits(toSevenBits(new Uint8Array(9)).slice(0, -5))).toThrow('missing');
    expect(() => fromSevenBits('1 0È')).toThrow('letter');
  });

  it('has the CRC of everybody', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});
