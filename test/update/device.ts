import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Transport } from '../../compiler/deliver/device/transport.js';
import { targetClass } from '../../compiler/deliver/image/image.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { randoms } from '../helpers/models.js';
import { buildProgram, CORE_SOURCES, MODULE_SOURCES, SANITIZED, TABLE_SOURCES, UPDATE_SOURCES } from './fixture.js';

export interface DeviceBuild {
  flags?: readonly string[];
  /** What it can run: modules, block tables, or both. Default: modules. */
  runs?: readonly ('module' | 'table')[];
}

/** Compiles test/update/device.c with the firmware library; with wasm3 only where it runs modules. */
export function buildDevice(folder: string, { flags = SANITIZED, runs = ['module'] }: DeviceBuild = {}): string {
  const wasm3 = runs.includes('module');
  const sources = [...UPDATE_SOURCES, ...CORE_SOURCES, ...runs.flatMap((kind) => ENGINES[kind].sources)];
  const defines = [`-DENGINES=${runs.map((kind) => ENGINES[kind].name).join(',')}`];
  const program = join(PACKAGE_ROOT, 'test/update/device.c');
  return buildProgram(folder, `device-${runs.join('-')}`, [program, ...sources], { wasm3, flags, defines });
}

const ENGINES = {
  module: { name: '&pe_module_engine', sources: MODULE_SOURCES },
  table: { name: '&pe_table_engine', sources: TABLE_SOURCES },
};

export interface DeviceOptions {
  flash: string;
  target?: string;
  key?: string;
  builtIn?: string;
  slotKilobytes?: number;
  arenaBytes?: number;
}

export interface RunningDevice {
  port: string;
  /** What it printed so far. */
  said(): string;
  /** As if its power failed. */
  kill(): Promise<void>;
  readonly process: ChildProcess;
}

export async function startDevice(program: string, options: DeviceOptions): Promise<RunningDevice> {
  const { flash, target = 'host', key = '-', builtIn = '-', slotKilobytes = 64, arenaBytes = 200_000 } = options;
  const args = [flash, String(targetClass(target)), key, builtIn, String(slotKilobytes), String(arenaBytes)];
  const process = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const port = await new Promise<string>((resolve, reject) => {
    process.once('exit', (code) => reject(new Error(`the device ended with ${code}`)));
    process.stdout.on('data', (text) => {
      said += text;
      const match = /^port (\d+)$/m.exec(said);
      if (match && said.includes('runs')) resolve(`tcp:127.0.0.1:${match[1]}`);
    });
  });
  process.removeAllListeners('exit');
  const kill = () =>
    new Promise<void>((resolve) => {
      if (process.exitCode !== null || process.signalCode !== null) resolve();
      process.once('exit', () => resolve());
      process.kill('SIGKILL');
    });
  return { port, said: () => said, kill, process };
}

/** A line on which each byte is corrupted, dropped or doubled with probability `rate` each, in both directions. */
export function noisy(transport: Transport, rate: number, seed: number): Transport & { damaged: number } {
  const next = randoms(seed);
  const hits = () => (next() + 1) / 2 < rate;
  const line = { ...transport, damaged: 0 };
  const damage = (bytes: Uint8Array): Uint8Array => {
    const out: number[] = [];
    for (const byte of bytes) {
      const [corrupts, drops, doubles] = [hits(), hits(), hits()];
      if (corrupts || drops || doubles) line.damaged++;
      if (drops) continue;
      const sent = corrupts ? byte ^ (1 + Math.floor(((next() + 1) / 2) * 255)) : byte;
      out.push(sent);
      if (doubles) out.push(sent);
    }
    return Uint8Array.from(out);
  };
  line.write = (bytes) => transport.write(damage(bytes));
  line.onData = (listener) => transport.onData((bytes) => listener(damage(bytes)));
  return line;
}
