import { Command } from 'commander';
import { listTargets, loadTarget } from '../package/targets.js';
import { bytes, columns, writeOut } from './output.js';

export function targetsCommand(): Command {
  return new Command('targets')
    .description('list the known targets, or show one with all its limits')
    .argument('[name]', 'name of a target, or path of a target.json')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ pinn-edge targets\n  $ pinn-edge targets esp32')
    .action(run);
}

function run(name: string | undefined, options: { json?: boolean }): void {
  if (name !== undefined) {
    writeOut(`${JSON.stringify(loadTarget(name), null, 2)}\n`);
    return;
  }
  const targets = listTargets().map(loadTarget);
  if (options.json) {
    writeOut(`${JSON.stringify(targets, null, 2)}\n`);
    return;
  }
  const rows = targets.map((t) => [
    t.name,
    t.chip,
    `flash ${bytes(t.flashBytes)}`,
    `RAM ${bytes(t.ramBytes)}`,
    `stack ${bytes(t.nativeStackBytes)}`,
    t.tailCalls ? 'tail calls' : 'no tail calls',
  ]);
  writeOut(columns(rows));
}
