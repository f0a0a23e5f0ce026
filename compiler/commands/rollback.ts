import { Command } from 'commander';
import { permit } from '../deliver/device/permit.js';
import { runningModel } from '../deliver/device/session.js';
import { UPDATE } from '../deliver/image/image-format.js';
import { readPrivateKey } from '../deliver/image/keys.js';
import { readText } from '../host/node-files.js';
import { type PortOptions, withDevice, withPortOptions } from './device-options.js';
import { writeOut } from './output.js';

export function rollbackCommand(): Command {
  return withPortOptions(new Command('rollback'))
    .description('return a device to the model that ran before its last update')
    .option('--key <file>', 'private key, where the firmware has a key built in')
    .option('--json', 'print what happened as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pinn-edge rollback --port /dev/ttyUSB0\n  $ pinn-edge rollback --port /dev/ttyUSB0 --key model-key.pem',
    )
    .action(run);
}

async function run(options: PortOptions & { json?: boolean; key?: string }): Promise<void> {
  const key = options.key === undefined ? undefined : readPrivateKey(options.key, readText(options.key));
  await withDevice(options, async (client) => {
    const before = await client.hello();
    const { result, body } = await client.request('ROLLBACK', permit(before, 'ROLLBACK', 0, key));
    if (result !== UPDATE.OK.value) throw client.refused('roll back', result, body.getInt32(0, true));
    const after = await client.hello();
    if (options.json) writeOut(`${JSON.stringify({ before, after }, null, 2)}\n`);
    else writeOut(`it ran ${runningModel(before)}; now it runs ${runningModel(after)}\n`);
  });
}
