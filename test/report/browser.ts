import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's chromium, driven by playwright-core. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

export function browserFile(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

/** True, or a failure where tools are required: a page is not tested without a browser. */
export function hasBrowser(): boolean {
  if (browserFile()) return true;
  if (process.env.PINN_EDGE_REQUIRE_TOOLS) throw new Error('chromium is not installed: apt-get install chromium');
  process.stderr.write('chromium is not installed: the page of report.html is not tested\n');
  return false;
}

/** In containers without user namespaces there is no sandbox; the pages are our own. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: browserFile(), args: ['--no-sandbox'] });

export interface Opened {
  page: Page;
  /** Errors and warnings of the console, uncaught errors, and requests besides that of the page itself. */
  complaints: string[];
}

export async function openPage(browser: Browser, file: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (url !== `file://${file}` && !/^(data|blob):/.test(url)) complaints.push(`request: ${url}`);
  });
  await page.goto(`file://${file}`);
  await page.waitForSelector('#golden, #damaged');
  return { page, complaints };
}
