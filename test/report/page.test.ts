import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certify } from '../../compiler/certify/certify.js';
import { type BuiltModel, buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import type { PageBuild } from '../../compiler/deliver/report/pack.js';
import { pageOfPackage } from '../../compiler/deliver/report/page-build.js';
import { reportPage } from '../../compiler/deliver/report/report-page.js';
import { modelHash } from '../../compiler/model/hash.js';
import { simulate } from '../../compiler/run/simulate.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { hasBrowser, launch, openPage } from './browser.js';

/** report.html in a real browser: the module's own integers, checks, drawings, downloads, and people who cannot see it. */

const folder = temporaryFolder();
const json = perceptron([2, 8, 8, 2]);
const model = modelFrom({
  ...json,
  inputs: [
    { name: 'x', min: -1, max: 1, unit: 'm' },
    { name: 't', min: 0, max: 3, unit: 's' },
  ],
  nodes: [{ name: 'v0', op: 'concat', inputs: ['x', 't'] }, ...(json.nodes as object[]).slice(1)],
  physics: { residuals: [{ name: 'transport', expression: 'y0_t + y0*y0_x - 0.1*y1_xx' }] },
});

/** With one output word per output, row-major [points x outputs], from the engine that devices have. */
async function answersOf(built: BuiltModel, points: number[][]): Promise<number[]> {
  const { outputs } = await simulate(builtInMemory(built.compiled, built), Float64Array.from(points.flat()));
  return [...outputs];
}

const written = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

describe.runIf(hasBrowser())('report.html', () => {
  let browser: Browser;
  const built: Record<string, BuiltModel> = {};
  const pages: Record<string, PageBuild> = {};

  beforeAll(async () => {
    const settings = { compress: 'none', tolerance: 1e-2 } as const;
    built.wasm3 = await buildForTarget(model, loadTarget('esp32'), settings);
    built.c = await buildForTarget(model, loadTarget('cortex-m4'), { ...settings, engine: 'c', precision: '32' });
    built.native = await buildForTarget(model, loadTarget('esp32'), { ...settings, engine: 'wasm3+native' });
    for (const [name, build] of Object.entries(built)) {
      pages[name] = pageOfPackage(build.compiled, build);
      written(`${name}.html`, String(build.files.get('report.html')));
    }
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const words = (page: Page) => page.locator('#answers .word').allTextContents();

  it.each(['wasm3', 'c', 'native'])(
    'opens without a complaint, and shows the integers of simulate: %s',
    async (name) => {
      const { page, complaints } = await openPage(browser, join(folder, `${name}.html`));
      const { report, golden } = built[name];
      expect(await page.locator('#golden').textContent()).toContain(
        `${golden.points.length} of ${golden.points.length}`,
      );
      await page.locator('#input-0').focus();
      for (const key of ['End', 'ArrowLeft', 'ArrowLeft', 'PageDown']) await page.keyboard.press(key);
      const at = Number(await page.locator('#input-0').inputValue());
      expect(at).toBeLessThan(998);
      const point = [-1 + (2 * at) / 1000, 1.5];
      const values = await answersOf(built[name], [point]);
      expect(await words(page)).toEqual(values.map((value, k) => String(value * 2 ** report.outputs[k].exponent)));
      await page.waitForSelector('svg[data-size="128"]');
      expect(complaints).toEqual([]);
      await page.context().close();
    },
  );

  it('says what happens outside the box, as the module does', async () => {
    const { page } = await openPage(browser, join(folder, 'wasm3.html'));
    await page.getByLabel('t as a number in s').fill('7.5');
    const values = await answersOf(built.wasm3, [[0, 3]]);
    const { outputs } = built.wasm3.report;
    expect(await words(page)).toEqual(values.map((value, k) => String(value * 2 ** outputs[k].exponent)));
    expect(await page.locator('#answers').textContent()).toContain('held to the box');
    expect(await page.locator('#input-1-note').textContent()).toContain('t = 3');
    await page.getByRole('button', { name: 'Worst point of y1' }).click();
    const { worstAt, maxAbsolute } = outputs[1];
    expect(Number(await page.getByLabel('x as a number').inputValue())).toBeCloseTo(worstAt[0], 6);
    const shown = await page.locator('#answers tbody tr').nth(1).locator('td').nth(3).textContent();
    expect(Math.abs(Number(shown))).toBeCloseTo(maxAbsolute, 4);
    await page.context().close();
  });

  it('draws errors, whose numbers come as CSV, and drawings as SVG and PNG', async () => {
    const { page, complaints } = await openPage(browser, join(folder, 'wasm3.html'));
    await page.getByLabel('Draw').selectOption('error of y0');
    const saved = async (name: string) => {
      await page.waitForSelector('svg[data-size="128"][aria-label*="error of y0"]');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name, exact: true }).click(),
      ]);
      return readFileSync(await download.path());
    };
    const [head, ...rows] = String(await saved('Download map as CSV'))
      .trim()
      .split('\n');
    expect(head).toBe('"x","t","error of y0"');
    expect(rows).toHaveLength(128 * 128);
    const some = rows.filter((_, i) => i % 1001 === 0).map((row) => row.split(',').map(Number));
    const points = some.map(([x, t]) => [x, t]);
    const build = builtInMemory(built.wasm3.compiled, built.wasm3);
    const { outputs: reference } = await simulate(build, Float64Array.from(points.flat()), { engine: 'reference' });
    const answers = await answersOf(built.wasm3, points);
    // The reference may differ in its last bit between the browser's and Node's tanh.
    some.forEach(([, , error], p) => {
      expect(error).toBeCloseTo(answers[2 * p] - reference[2 * p], 12);
    });
    const svg = String(await saved('Download curves as SVG'));
    expect(svg).toMatch(/^<svg [\s\S]*proved|^<svg [\s\S]*tolerance/);
    expect((await saved('Download map as PNG')).subarray(1, 4).toString()).toBe('PNG');
    await page.getByLabel('Draw').selectOption('residual transport of the float network');
    await page.waitForSelector('svg[data-size="128"][aria-label*="residual"]');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('shows what was proved, in which box, and what boards measured', async () => {
    const { model, table, lowered, measured } = built.c.compiled;
    const outputs = model.outputs.map(({ name }, k) => {
      return { name, scale: 1, offset: 0, maxAbsolute: measured.outputs[k].maxAbsolute };
    });
    const subject = { model, table, claims: lowered.claims, modelHash: modelHash(model), outputs };
    const { certificate } = await certify(subject, { boxes: 16 });
    const figures = { instructions: 4321, flashBytes: 9876, ramBytes: 543, stackBytes: 210 };
    const board = { board: 'cortex-m4', counts: 'instructions', ...figures };
    const proved = { ...pageOfPackage(built.c.compiled, built.c, certificate), boards: [board] };
    const { page, complaints } = await openPage(browser, written('proved.html', reportPage([proved])));
    await page.getByLabel('Draw').selectOption('error of y1');
    await page.waitForSelector('svg[data-size="128"][aria-label*="error of y1"]');
    expect(await page.locator('svg[data-size="128"] rect.worst').count()).toBe(1);
    expect(await page.getByText('proved bound').count()).toBeGreaterThan(0);
    const text = await page.locator('#report').textContent();
    expect(text).toContain('y1, proved at every point');
    expect(text).toContain('cortex-m4');
    expect(text).toContain('4,321');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('compares two builds, and refuses those of other inputs', async () => {
    const file = written('compare.html', reportPage([pages.wasm3, pages.c]));
    const { page, complaints } = await openPage(browser, file);
    const shown = await page.locator('#answers tbody th').allTextContents();
    expect(shown).toEqual(['y0 (A)', 'y1 (A)', 'y0 (B)', 'y1 (B)']);
    expect(new Set(await words(page)).size).toBeGreaterThan(2);
    expect(complaints).toEqual([]);
    await page.context().close();
    const other = { ...pages.c, report: { ...pages.c.report, inputs: pages.c.report.inputs.slice(1) } };
    expect(() => reportPage([pages.wasm3, other])).toThrow('the same inputs');
  });

  it.each([
    [
      'a module that answers otherwise',
      () => ({ ...pages.wasm3, wasm: withOtherTable(pages.wasm3.wasm) }),
      '#golden .bad',
    ],
    ['a module cut off', () => ({ ...pages.wasm3, wasm: pages.wasm3.wasm.slice(0, -40) }), '#damaged'],
    [
      'a module of another build',
      () => ({ ...pages.wasm3, wasm: pages.native.wasm, report: { ...pages.wasm3.report, identity: 1 } }),
      '#damaged',
    ],
    ['a block table with a byte changed', () => ({ ...pages.c, table: changed(pages.c.table, 0.6) }), '#golden .bad'],
  ])('reports %s', async (name, make, where) => {
    const { page } = await openPage(browser, written(`${name}.html`, reportPage([make()])));
    expect(await page.locator(where).count()).toBe(1);
    await page.context().close();
  });

  it('reports a file that was damaged on its way', async () => {
    const text = String(built.wasm3.files.get('report.html'));
    for (const id of ['data', 'code']) {
      const at = text.indexOf(`id="${id}">`) + 2000;
      const damaged = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
      const { page } = await openPage(browser, written(`damaged-${id}.html`, damaged));
      expect(await page.locator('#damaged').textContent()).toContain('Make it again with pinn-edge report');
      await page.context().close();
    }
  });

  it.each([
    ['light', 1100],
    ['dark', 360],
  ] as const)('has nothing that axe-core objects to: %s, %s pixels wide', async (colorScheme, width) => {
    const { page } = await openPage(browser, join(folder, 'wasm3.html'), {
      colorScheme,
      viewport: { width, height: 800 },
    });
    await page.waitForSelector('svg[data-size="128"]');
    await page.locator('details').evaluateAll((all) => {
      for (const one of all) one.setAttribute('open', '');
    });
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    // On a phone nothing but tables is wider than the screen.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.context().close();
  });
});

function changed(bytes: Uint8Array, part: number): Uint8Array {
  const copy = bytes.slice();
  copy[Math.floor(part * copy.length)] ^= 0x55;
  return copy;
}

/** Bytes in the last quarter of a module are weights and tables: some that change answers and leave it whole. */
function withOtherTable(wasm: Uint8Array): Uint8Array {
  const copy = wasm.slice();
  for (let at = Math.floor(0.7 * copy.length); at < 0.9 * copy.length; at++) copy[at] ^= 0x10;
  return copy;
}
