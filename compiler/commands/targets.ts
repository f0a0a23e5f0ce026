import { Command } from 'commander';
import type { Target } from '../deliver/package/target.js';
import { listTargets, loadTarget } from '../deliver/package/targets.js';
import { bytes, columns, writeOut } from './output.js';

export function targetsCommand(): Command {
  return new Command('targets')
    .description('list the known targets, or show one with all its limits and where they come from')
    .argument('[name]', 'name of a target, or path of a target.json')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge targets
  $ pinn-edge targets esp32
  $ pinn-edge targets nrf52840 --json > my-board.json   # a start for a board of your own
  $ pinn-edge build model.json --target my-board.json`,
    )
    .action(run);
}

function run(name: string | undefined, options: { json?: boolean }): void {
  const targets = name === undefined ? listTargets().map(loadTarget) : [loadTarget(name)];
  if (options.json) writeOut(`${JSON.stringify(name === undefined ? targets : targets[0], null, 2)}\n`);
  else writeOut(name === undefined ? columns(targets.map(overview)) : description(targets[0]));
}

function overview(target: Target): string[] {
  return [
    target.name,
    target.chip,
    `flash ${bytes(target.flashBytes)}`,
    `RAM ${bytes(target.ramBytes)}`,
    `stack ${bytes(target.nativeStackBytes)}`,
    target.wasm3 ? (target.tailCalls ? 'tail calls' : 'no tail calls') : 'C sources only',
    target.projects.map(({ name }) => name).join(', ') || 'no project',
    target.emulator ? 'emulated' : '',
  ];
}

/** Every field with its unit, and the source of those that have one. */
function description(target: Target): string {
  const fpu = { none: 'none', single: 'single precision', double: 'double precision' }[target.fpu];
  const rows: [string, string, string?][] = [
    ['chip', target.chip],
    ['instructions', `${target.isa}${target.flags.length ? ` (${target.flags.join(' ')})` : ''}`, 'isa'],
    ['floating point', fpu],
    ...(target.doubleBits === 32 ? [['double', 'of 32 bits, as float', 'doubleBits'] as [string, string, string]] : []),
    ...(target.wasm3
      ? [
          ['tail calls', target.tailCalls ? 'yes' : 'no: wasm3 nests a native call per operation', 'tailCalls'] as [
            string,
            string,
            string,
          ],
        ]
      : []),
    ['flash', `${bytes(target.flashBytes)} for the application`, 'flashBytes'],
    ['RAM', `${bytes(target.ramBytes)} for models`, 'ramBytes'],
    ['in one piece', bytes(target.ramBlockBytes), 'ramBlockBytes'],
    ...(target.constantsInRam ? [['constants', 'take RAM too', 'constantsInRam'] as [string, string, string]] : []),
    ['native stack', `${bytes(target.nativeStackBytes)} in the generated projects`, 'nativeStackBytes'],
    ['by default', bytes(target.defaultStackBytes), 'defaultStackBytes'],
    ...(target.clockHz
      ? [
          [
            'clock',
            `${target.clockHz / 1e6} MHz; build estimates the time per answer at one instruction per cycle`,
            'clockHz',
          ] as [string, string, string],
        ]
      : []),
    [
      'wasm3',
      target.wasm3
        ? `${target.wasm3.version}, stack ${bytes(target.wasm3.stackBytes)}, code pages of ${target.wasm3.codePageBytes} B`
        : 'no room for it: models are C sources (--engine c)',
      'wasm3',
    ],
    ['toolchain', target.toolchain],
    ['projects', target.projects.map(({ name }) => name).join(', ') || 'none'],
    ['flashed by', target.flashTools.map(({ name }) => name).join(', ') || 'nothing: there is no such board'],
    ['emulator', target.emulator?.command ?? 'none', 'emulator'],
  ];
  const lines = rows.map(([what, value, field]) => {
    const source = field && target.source[field];
    return `  ${what.padEnd(16)}${value}\n${source ? `${' '.repeat(18)}[${source}]\n` : ''}`;
  });
  return `${target.name}: ${target.description}\n\n${lines.join('')}`;
}
