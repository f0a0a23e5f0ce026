import { Command } from 'commander';
import { runningModel } from '../device/session.js';
import { UPDATE } from '../image/spec.js';
import { type PortOptions, withDevice, withPortOptions } from './device-options.js';
import { writeOut } from './output.js';

export function rollbackCommand(): Command {
  return withPortOptions(new Command('rollback'))
    .description('return a device to the model that ran before its last update')
    .option('--json', 'print what happened as JSON')
    .addHelpText('after', '\nExamples:\n  $ pinn-edge rollback --port /dev/ttyUSB0')
    .action(run);
}

async function run(options: PortOptions & { json?: boolean }): Promise<void> {
  await withDevice(options, async (client) => {
    const before = await client.hello();
    const { result, body } = await client.request('ROLLBACK');
    if (result !== UPDATE.OK.value) throw client.refused('roll back', result, body.getInt32(0, true));
    const after = await client.hello();
    if (options.json) writeOut(`${JSON.stringify({ before, after }, null, 2)}\n`);
    else writeOut(`it ran ${runningModel(before)}; now it runs ${runningModel(after)}\n`);
  });
}
