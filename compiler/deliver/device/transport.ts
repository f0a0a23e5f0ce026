import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { PinnEdgeError } from '../../diagnostics.js';

/** Streams of bytes to a device: a serial port, or a TCP connection (QEMU's serial line, a serial server). */
export interface Transport {
  /** As the user named it. */
  readonly name: string;
  /** Of the line, in bits per second; undefined where it takes no time. */
  readonly baudRate?: number;
  write(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Called once when the other end is gone, with the reason. */
  onClose(listener: (reason: string) => void): void;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5000;
export const DEFAULT_BAUD_RATE = 115200;

/**
 * @param port `tcp:host:port`, or the path of a serial port such as /dev/ttyUSB0 or COM3
 * @param baudRate of the serial port, or of the line behind the TCP port where there is one
 * @throws PE9010 when it cannot be opened
 */
export function openTransport(port: string, baudRate?: number): Promise<Transport> {
  const tcp = /^tcp:(.+):(\d+)$/.exec(port);
  if (tcp) return openTcp(port, tcp[1], Number(tcp[2]), baudRate);
  if (port.startsWith('tcp:')) {
    throw new PinnEdgeError('PE3005', { option: '--port', reason: `must be tcp:host:port, found ${port}` });
  }
  return openSerial(port, baudRate ?? DEFAULT_BAUD_RATE);
}

function openTcp(name: string, host: string, port: number, baudRate?: number): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const refuse = (reason: string) => {
      socket.destroy();
      reject(new PinnEdgeError('PE9010', { port: name, reason }));
    };
    if (port > 65535) {
      reject(new PinnEdgeError('PE9010', { port: name, reason: 'TCP ports end at 65535' }));
      return;
    }
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => refuse('the host does not answer'), CONNECT_TIMEOUT_MS);
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      refuse(error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      let reason = 'the other end closed the connection';
      socket.on('error', (error) => {
        reason = error.message;
      });
      resolve({
        name,
        baudRate,
        write: (bytes) => void socket.write(bytes),
        onData: (listener) => void socket.on('data', listener),
        onClose: (listener) => void socket.once('close', () => listener(reason)),
        close: () => socket.destroy(),
      });
    });
  });
}

/** What is used of the npm package serialport, which is optional: it has native parts. */
interface SerialPort {
  write(bytes: Uint8Array): void;
  on(event: 'data', listener: (bytes: Uint8Array) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  once(event: 'close', listener: (error?: Error | null) => void): void;
  open(done: (error: Error | null) => void): void;
  close(done?: (error: Error | null) => void): void;
  readonly isOpen: boolean;
}
interface SerialModule {
  SerialPort: (new (options: {
    path: string;
    baudRate: number;
    autoOpen: false;
    lock: true;
  }) => SerialPort) & {
    list(): Promise<{ path: string }[]>;
  };
}

async function openSerial(path: string, baudRate: number): Promise<Transport> {
  let serial: SerialModule;
  try {
    const name: string = 'serialport';
    serial = (await import(name)) as SerialModule;
  } catch {
    throw new PinnEdgeError('PE9011', { port: path });
  }
  const port = new serial.SerialPort({ path, baudRate, autoOpen: false, lock: true });
  const error = await new Promise<Error | null>((resolve) => port.open(resolve));
  if (error) throw new PinnEdgeError('PE9010', { port: path, reason: await serialReason(serial, error) });
  let reason = 'the port was closed';
  port.on('error', (cause) => {
    reason = cause.message;
  });
  return {
    name: path,
    baudRate,
    write: (bytes) => void port.write(bytes),
    onData: (listener) => void port.on('data', listener),
    onClose: (listener) => void port.once('close', () => listener(reason)),
    close: () => {
      if (port.isOpen) port.close();
    },
  };
}

/** The operating system's reason in plain words, with the ports that there are. */
async function serialReason(serial: SerialModule, error: Error): Promise<string> {
  if (/lock|busy|access denied|temporarily unavailable/i.test(error.message)) {
    return 'another program uses it (close serial monitors)';
  }
  if (/permission/i.test(error.message)) return 'no permission (on Linux: add yourself to the group dialout)';
  if (!/no such file|not found|cannot find/i.test(error.message)) return error.message;
  const ports = await listPorts(serial);
  return `there is no such port; ${ports.length ? `there are ${ports.join(', ')}` : 'no serial port was found'}`;
}

/** The package's own list asks udev, and ends the process where that is not installed. */
async function listPorts(serial: SerialModule): Promise<string[]> {
  if (process.platform === 'win32') return (await serial.SerialPort.list()).map(({ path }) => path);
  const pattern = process.platform === 'darwin' ? /^cu\./ : /^tty(USB|ACM|AMA|THS)\d/;
  return readdirSync('/dev')
    .filter((name) => pattern.test(name))
    .map((name) => `/dev/${name}`);
}
