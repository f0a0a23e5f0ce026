import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { PACKAGE_ROOT, VERSION } from '../host/package-root.js';
import { buildCommand } from './build.js';
import { certifyCommand } from './certify.js';
import { compressCommand } from './compress.js';
import { demoCommand } from './demo.js';
import { exporterCommand } from './exporter.js';
import { fitCommand } from './fit.js';
import { flashCommand } from './flash.js';
import { importCommand } from './import.js';
import { initCommand } from './init.js';
import { inspectCommand } from './inspect.js';
import { keygenCommand } from './keygen.js';
import { monitorCommand } from './monitor.js';
import { writeOut } from './output.js';
import { reportCommand } from './report.js';
import { rollbackCommand } from './rollback.js';
import { signCommand } from './sign.js';
import { simulateCommand } from './simulate.js';
import { targetsCommand } from './targets.js';
import { trainCommand } from './train.js';
import { verifyCommand } from './verify.js';

/** Runs one command line; the exit code: 0 fine, 1 a check failed, 2 bad usage or input, 3 a bug in pinn-edge. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (error) {
    return report(error, argv.includes('--json'));
  }
}

/** All commands and their options. */
export function createProgram(): Command {
  const program = new Command('pinn-edge')
    .description('Puts a trained physics-informed neural network on a microcontroller, within a stated error.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge build examples/burgers/model.json --target esp32 --tol 1e-3
  $ pinn-edge simulate build/esp32 --grid x=-1:1:41,t=0:1:5
  $ pinn-edge verify build/esp32

Exit codes: 0 fine, 1 a check failed, 2 bad usage or input, 3 a bug in pinn-edge.`,
    );
  for (const command of [
    demoCommand(),
    buildCommand(),
    importCommand(),
    exporterCommand(),
    trainCommand(),
    compressCommand(),
    simulateCommand(),
    verifyCommand(),
    reportCommand(),
    certifyCommand(),
    fitCommand(),
    inspectCommand(),
    flashCommand(),
    monitorCommand(),
    rollbackCommand(),
    keygenCommand(),
    signCommand(),
    targetsCommand(),
    initCommand(),
  ]) {
    program.addCommand(command.exitOverride().showHelpAfterError('(add --help for the options)'));
  }
  return program;
}

function report(error: unknown, asJson: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (isClosedPipe(error)) return EXIT.ok;
  if (error instanceof PinnEdgeError) {
    if (asJson) writeOut(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    process.stderr.write(`error ${error.code}: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(bugReport(error));
  return EXIT.bug;
}

/** What is printed with exit code 3: that it is a bug, where to report it, and where it happened. */
export function bugReport(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const where = join(PACKAGE_ROOT, 'CONTRIBUTING.md');
  return `This is a bug in pinn-edge ${VERSION}. Please report it with the command line and what follows; "Report a bug" in ${where} says where.\n${text}\n`;
}

/** The reader of a pipe may stop early, as `head` does. */
function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException)?.code === 'EPIPE';
}

process.stdout.on('error', (error) => {
  if (!isClosedPipe(error)) throw error;
});
