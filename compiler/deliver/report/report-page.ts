import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PinnEdgeError } from '../../diagnostics.js';
import { PACKAGE_ROOT } from '../../host/package-root.js';
import { deflated, type PageBuild, packBuilds } from './pack.js';

/** `report.html`: one file without requests, in which the build's own module runs beside the float64 reference. */

/** Its name in the folder of a build. */
export const REPORT_PAGE = 'report.html';

/** Where `npm run build` puts the bundled page (tools/bundle-page.mjs). */
const PAGE = join(PACKAGE_ROOT, 'dist', 'compiler', 'deliver', 'report', 'page');

/**
 * The page of a build, or of two that are compared. Deterministic.
 *
 * @throws PE1001 when the package was not built whole; PE3005 when two builds have other inputs or outputs
 */
export function reportPage(builds: readonly PageBuild[]): string {
  requireComparable(builds);
  const [boot, script, style] = ['boot.js', 'page.js', 'page.css'].map(pagePart);
  const title = escapeHtml(
    `${builds.map(({ report }) => `${report.name} on ${report.target}`).join(', ')} - pinn-edge`,
  );
  const allowed = [
    "default-src 'none'",
    // Compiling WebAssembly has a permission of its own.
    `script-src 'wasm-unsafe-eval' '${sourceHash(boot)}' '${sourceHash(script)}'`,
    `style-src '${sourceHash(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${allowed.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main id="report"><noscript>This report runs the module in the page, which needs JavaScript.</noscript></main>
<script type="text/plain" id="data">${packBuilds(builds)}</script>
<script type="text/plain" id="code">${packedCode(script)}</script>
<script>${boot}</script>
</body>
</html>
`;
}

let parts: Map<string, string> | undefined;

function pagePart(name: string): string {
  parts ??= new Map();
  const known = parts.get(name);
  if (known !== undefined) return known;
  const file = join(PAGE, name);
  if (!existsSync(file)) {
    throw new PinnEdgeError('PE1001', { file, reason: 'the package was not built whole; npm run build makes it' });
  }
  const text = readFileSync(file, 'utf8');
  parts.set(name, text);
  return text;
}

let packed: { script: string; text: string } | undefined;

/** Compressed once per process. */
function packedCode(script: string): string {
  if (packed?.script !== script) packed = { script, text: deflated(new TextEncoder().encode(script)) };
  return packed.text;
}

function sourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** Two builds are compared point by point: they take the same inputs and give the same outputs. */
function requireComparable([first, ...others]: readonly PageBuild[]): void {
  for (const part of ['inputs', 'outputs'] as const) {
    const namesOf = ({ report }: PageBuild) =>
      report[part].map(({ name, unit }) => (unit ? `${name} in ${unit}` : name)).join(', ');
    for (const other of others) {
      if (namesOf(other) === namesOf(first)) continue;
      const reason = `two builds are compared by the same ${part}; these have ${namesOf(first)} and ${namesOf(other)}`;
      throw new PinnEdgeError('PE3005', { option: 'report', reason });
    }
  }
}
