import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeviceClient } from '../../compiler/deliver/device/client.js';
import { openTransport } from '../../compiler/deliver/device/transport.js';
import { sendImage } from '../../compiler/deliver/device/update.js';
import { temporaryFolder } from '../helpers/cli.js';
import { smallModel } from '../package/fixture.js';
import { isSkippedWithout } from '../package/toolchain.js';
import { buildDevice, type RunningDevice, startDevice } from './device.js';
import { imageOf } from './fixture.js';

/** A pseudo-terminal in front of the device's TCP port: to Node it is a serial port. */
const BRIDGE = `
import os, pty, select, socket, sys, tty
master, slave = pty.openpty()
tty.setraw(master); tty.setraw(slave)
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(os.ttyname(slave), flush=True)
while True:
    for ready in select.select([master, line], [], [])[0]:
        data = os.read(master, 4096) if ready is master else line.recv(4096)
        if not data: sys.exit()
        if ready is master: line.sendall(data)
        else: os.write(master, data)
`;

/** It makes the pseudo-terminal. */
const isSkipped = isSkippedWithout('python3');

const folder = temporaryFolder();
let device: RunningDevice | undefined;
let bridge: ChildProcess | undefined;
let image: Uint8Array;
afterAll(async () => {
  bridge?.kill('SIGKILL');
  await device?.kill();
});

beforeAll(async () => {
  if (isSkipped) return;
  image = imageOf(await smallModel(), { version: 5 });
  const builtIn = join(folder, 'old.img');
  writeFileSync(builtIn, imageOf(await smallModel(), { version: 4 }));
  device = await startDevice(buildDevice(folder, { flags: ['-O1'] }), {
    flash: join(folder, 'flash'),
    builtIn,
  });
}, 300_000);

test.skipIf(isSkipped)(
  'a model goes over a serial port, which nobody else can open meanwhile',
  async () => {
    const child = spawn('python3', ['-c', BRIDGE, device!.port.split(':')[2]], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    bridge = child;
    const path = await new Promise<string>((resolve) =>
      child.stdout.once('data', (text) => resolve(String(text).trim())),
    );
    const client = new DeviceClient(await openTransport(path, 115200));
    expect(await client.hello()).toMatchObject({ version: 4 });
    await expect(openTransport(path, 115200)).rejects.toThrow(/PE9010|another program uses it/);
    await sendImage(client, image);
    expect(await client.hello()).toMatchObject({ version: 5, slot: 0 });
    client.close();
  },
  60_000,
);
