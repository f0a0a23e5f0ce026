import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { BUILD_DEFAULTS } from '../deliver/build.js';
import { REPORT_PAGE } from '../deliver/report/report-page.js';
import { PACKAGE_ROOT } from '../host/package-root.js';
import { buildCommand } from './build.js';
import { writeOut } from './output.js';
import { simulateCommand } from './simulate.js';
import { verifyCommand } from './verify.js';

/** The model that the demonstration is made of: Burgers' equation, inputs x and t. */
const EXAMPLE = 'burgers';
const GRID = 'x=-1:1:9,t=0.5';

interface DemoOptions {
  target: string;
  tol: string;
  compress: string;
  out?: string;
}

export function demoCommand(): Command {
  return new Command('demo')
    .description(`build, run and verify the example ${EXAMPLE}, with the commands that do it`)
    .option('--target <name>', 'target to build for (see: pinn-edge targets)', BUILD_DEFAULTS.target)
    .option('--tol <relative>', 'largest error, relative to the largest output', '1e-3')
    .option('--compress <method>', 'as of build; none takes seconds', 'auto')
    .option('-o, --out <folder>', 'where to write the build (default: build/<target>)')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge demo
  $ pinn-edge demo --compress none
  $ pinn-edge demo --target cortex-m4 --tol 1e-2 -o /tmp/demo`,
    )
    .action(run);
}

async function run({ target, tol, compress, out = join('build', target) }: DemoOptions): Promise<void> {
  const model = join(PACKAGE_ROOT, 'examples', EXAMPLE, 'model.json');
  await shown(buildCommand(), model, '--target', target, '--tol', tol, '--compress', compress, '-o', out);
  await shown(simulateCommand(), out, '--grid', GRID);
  await shown(verifyCommand(), out);
  writeOut(`\nOpen ${resolve(out, REPORT_PAGE)} in a browser to see its error over the box.\n`);
}

/** One of the commands, printed as a user would type it; `verify` leaves its result in the exit code of the process. */
async function shown(command: Command, ...args: string[]): Promise<void> {
  writeOut(`\n$ pinn-edge ${[command.name(), ...args].join(' ')}\n\n`);
  await command.exitOverride().parseAsync(args, { from: 'user' });
}
