import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { pageOfFolder } from '../deliver/report/page-build.js';
import type { MeasuredBoard } from '../deliver/report/page-data.js';
import { REPORT_PAGE, reportPage } from '../deliver/report/report-page.js';
import { PinnEdgeError } from '../diagnostics.js';
import { nodeFiles } from '../host/node-files.js';
import { requireWritable, writeFileWhole } from '../host/write-file.js';
import { requireNoForeignFolder } from '../import/detect.js';
import { simulate } from '../run/simulate.js';
import { boardFor, ON_HELP } from './board.js';
import { bytes, writeNote, writeOut } from './output.js';

interface ReportOptions {
  out?: string;
  on?: string[];
  open?: boolean;
  json?: boolean;
}

export function reportCommand(): Command {
  return new Command('report')
    .description(
      'write a page in which the module of a build runs beside the float reference: one file, without requests',
    )
    .argument('<build...>', 'folder that pinn-edge build wrote, or two of them, which are compared')
    .option('-o, --out <file>', `where to write it (default: ${REPORT_PAGE} in the folder of the first build)`)
    .option(
      '--on <board>',
      `measure the golden vectors there, too, and show what they took; may be repeated: ${ON_HELP}`,
      collect,
    )
    .option('--open', 'open it in the browser')
    .option('--json', 'print what was written as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge report build/esp32 --open
  $ pinn-edge report build/esp32 -o burgers.html --on cortex-m4 --on rv32imc
  $ pinn-edge report build/esp32 build/fine -o compare.html`,
    )
    .action(run);
}

const collect = (board: string, before: string[] = []) => [...before, board];

async function run(directories: string[], options: ReportOptions): Promise<void> {
  if (directories.length > 2) {
    throw new PinnEdgeError('PE3005', { option: 'report', reason: 'it shows one build, or compares two' });
  }
  const file = options.out ?? join(directories[0], REPORT_PAGE);
  requireWritable(file);
  const builds = [];
  for (const directory of directories) {
    requireNoForeignFolder(directory, nodeFiles);
    const build = loadBuild(directory);
    builds.push(pageOfFolder(build, await measured(build, options.on ?? [])));
  }
  const page = reportPage(builds);
  writeFileWhole(file, page);
  const size = Buffer.byteLength(page);
  writeOut(options.json ? `${JSON.stringify({ file, bytes: size }, null, 2)}\n` : `${file}   ${bytes(size)}\n`);
  if (options.open) openInBrowser(file);
}

/** The build's golden points on emulated boards; every word is compared with the host's there. */
async function measured(build: LoadedBuild, boards: readonly string[]): Promise<MeasuredBoard[]> {
  const figures: MeasuredBoard[] = [];
  const points = Float64Array.from(pageOfFolder(build).golden.points.flat());
  for (const on of boards) {
    const engine = boardFor(build, { on })!;
    await simulate(build, points, { engine });
    const { board, counts = 'instructions', instructions, flashBytes, ramBytes, stackBytes } = engine.figures();
    figures.push({ board, counts, instructions, flashBytes, ramBytes, stackBytes });
  }
  return figures;
}

const OPENERS: Partial<Record<NodeJS.Platform, string[]>> = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] };

/** Leaves the browser to itself; where there is none, says so. */
function openInBrowser(file: string): void {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, resolve(file)], { detached: true, stdio: 'ignore' });
  child.on('error', () => writeNote(`${command} is not there to open it; open ${resolve(file)} in a browser`));
  child.unref();
}
