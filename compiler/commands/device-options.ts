import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { DeviceClient } from '../deliver/device/client.js';
import { DEFAULT_BAUD_RATE, openTransport } from '../deliver/device/transport.js';
import { PinnEdgeError } from '../diagnostics.js';
import { cannotRead } from '../host/file-reader.js';
import { countOption } from './options.js';
import { count, writeNote } from './output.js';

/** What the commands that talk to a device share. */

export interface PortOptions {
  port?: string;
  baud: number;
}

export function withPortOptions(command: Command): Command {
  return command
    .option('--port <port>', 'serial port such as /dev/ttyUSB0 or COM3, or tcp:host:port')
    .option(
      '--baud <rate>',
      'speed of the serial port, or of the line behind a TCP port',
      countOption('--baud', 300, 4_000_000),
      DEFAULT_BAUD_RATE,
    );
}

/** Connects, does the work, and closes the port whatever happens. */
export async function withDevice<T>(options: PortOptions, work: (client: DeviceClient) => Promise<T>): Promise<T> {
  if (!options.port) {
    throw new PinnEdgeError('PE3005', { option: '--port', reason: 'is missing: a serial port, or tcp:host:port' });
  }
  const client = new DeviceClient(await openTransport(options.port, options.baud));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** The model image of a build, or a file that is one. */
export function readImageFile(path: string, isBuild: boolean): Uint8Array {
  const file = isBuild ? join(path, 'model.img') : path;
  try {
    return Uint8Array.from(readFileSync(file));
  } catch (error) {
    if (isBuild && (error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new PinnEdgeError('PE9003', { build: path });
    throw cannotRead(file, error);
  }
}

const BAR_WIDTH = 30;

/** A bar that is drawn again and again on a terminal; a line at the end elsewhere. */
export function progressBar(what: string): (done: number, total: number) => void {
  let last = -1;
  return (done, total) => {
    const percent = Math.floor((100 * done) / total);
    if (percent === last) return;
    last = percent;
    const full = Math.round((BAR_WIDTH * done) / total);
    const bar = `${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}`;
    const text = `  ${what} [${bar}] ${String(percent).padStart(3)} %  ${count(done)} of ${count(total)} bytes`;
    if (process.stderr.isTTY) process.stderr.write(`\r${text}${done === total ? '\n' : ''}`);
    else if (done === total) writeNote(text);
  };
}
