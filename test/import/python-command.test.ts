import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { PACKAGE_ROOT, VERSION } from '../../compiler/host/package-root.js';
import { CLI, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { hasBrowser, launch } from '../report/browser.js';

/** The command from Python: build, and show in a notebook, whose page is opened in a browser; pip installs the package. */

vi.setConfig({ testTimeout: 240_000 });

const here = dirname(fileURLToPath(import.meta.url));
const folder = temporaryFolder();
writeFileSync(join(folder, 'model.json'), JSON.stringify(perceptron([2, 4, 1])));

const runs = (python: string, code: string) => spawnSync(python, ['-c', code]).status === 0;
/** Any Python for what needs no library. */
const python = process.env.PINN_EDGE_PYTHON ?? 'python3';
const hasPython = runs(python, '0');
const hasNotebook = runs(python, 'import nbclient, ipykernel');
if (!hasPython) process.stderr.write('python3 is not installed: the command from Python is not tested\n');
else if (!hasNotebook)
  process.stderr.write(`${python} has no nbclient and ipykernel: show in a notebook is not tested\n`);

function check(part: string, PYTHONPATH = join(PACKAGE_ROOT, 'python')): void {
  const command = JSON.stringify([process.execPath, CLI]);
  const { status, stderr } = spawnSync(python, [join(here, 'python_check.py'), command, part], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      PYTHONPATH,
      PYTHONDONTWRITEBYTECODE: '1',
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    },
  });
  expect(status, stderr).toBe(0);
}

test.skipIf(!hasPython)('build runs the command, returns the report and raises what is refused', () => check('build'));

test.skipIf(!hasPython)('the command is found on the path and in node_modules', () => check('path'));

test.skipIf(!hasPython)('show opens the browser outside a notebook', () => check('browser'));

test.skipIf(!hasNotebook || !hasBrowser())(
  'show displays the report in a notebook, and the module runs there',
  async () => {
    check('notebook');
    const browser = await launch();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      await page.goto(`file://${join(folder, 'shown.html')}`);
      const report = page.frameLocator('iframe');
      await report.locator('#golden').waitFor();
      expect(await report.locator('#golden').textContent()).toMatch(
        /: (\d+) of \1 golden vectors come out bit for bit/,
      );
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);

test.skipIf(!hasPython || !process.env.PINN_EDGE_FRAMEWORKS)('pip installs the package, which needs nothing', () => {
  const source = join(folder, 'python');
  cpSync(join(PACKAGE_ROOT, 'python'), source, { recursive: true });
  const place = join(folder, 'installed');
  execFileSync(python, ['-m', 'pip', 'install', '-q', '--target', place, source], { stdio: 'pipe' });
  const code = `import importlib.metadata, pinn_edge_export as p; print(importlib.metadata.version("pinn-edge-export"), importlib.metadata.requires("pinn-edge-export"), sorted(p.__all__) == sorted(n for n in p.__all__ if hasattr(p, n)))`;
  const options = { cwd: folder, encoding: 'utf8' as const, env: { ...process.env, PYTHONPATH: place } };
  expect(execFileSync(python, ['-c', code], options).trim()).toBe(`${VERSION} None True`);
});

test('the Python package has the version of the command', () => {
  const project = readFileSync(join(PACKAGE_ROOT, 'python/pyproject.toml'), 'utf8');
  expect(project).toContain(`version = "${VERSION}"`);
  expect(project).toContain('dependencies = []');
});
