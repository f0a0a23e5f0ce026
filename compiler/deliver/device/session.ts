import { EXIT, PinnEdgeError } from '../../diagnostics.js';
import { requireValidTable } from '../../table/check.js';
import { createOracle } from '../../table/oracle/oracle.js';
import { readImage, targetClass } from '../image/image.js';
import { PAYLOAD } from '../image/image-format.js';
import type { LoadedBuild } from '../package/store.js';
import { listTargets } from '../package/targets.js';
import type { DeviceClient, DeviceInfo } from './client.js';
import { DEVICE_FLAG, SLOT } from './protocol.js';

/** What the commands ask of a device besides the protocol: whether an image suits it, and whether its answers are right. */

/** A name for what images and devices are marked with. */
export function targetName(mark: number, known: readonly string[] = []): string {
  const name = [...known, ...listTargets(), 'host'].find((target) => targetClass(target) === mark);
  return name ?? `an unknown target (class 0x${mark.toString(16)})`;
}

const SLOT_NAMES = new Map<number, string>([
  [SLOT.A, 'slot A'],
  [SLOT.B, 'slot B'],
  [SLOT.BUILT_IN, 'the firmware'],
]);

/** Such as `"burgers" version 1 from slot A`. */
export function runningModel(info: DeviceInfo): string {
  if (info.slot === SLOT.NONE) return 'no model';
  return `"${info.name}" version ${info.version} from ${SLOT_NAMES.get(info.slot) ?? `slot ${info.slot}`}`;
}

/** What the device would refuse, said before anything is sent; the device itself checks it all again. */
export function requireSuitable(
  info: DeviceInfo,
  image: Uint8Array,
  options: { force?: boolean; target?: string },
): void {
  const header = readImage('model.img', image);
  const flags = info.flags;
  const runs = header.kind === PAYLOAD.TABLE ? DEVICE_FLAG.RUNS_TABLES : DEVICE_FLAG.RUNS_MODULES;
  if (header.targetClass !== info.targetClass) {
    const device = targetName(info.targetClass);
    throw new PinnEdgeError('PE9016', {
      target: targetName(header.targetClass, options.target ? [options.target] : []),
      device,
    });
  }
  if (!(flags & runs)) {
    throw new PinnEdgeError(
      'PE9023',
      header.kind === PAYLOAD.TABLE
        ? { kind: 'block table', engine: 'wasm3', missing: 'pe_table_engine' }
        : { kind: 'module', engine: 'c', missing: 'pe_module_engine' },
    );
  }
  if (header.totalBytes > info.slotBytes) {
    throw new PinnEdgeError('PE9017', sizes(header.totalBytes, info.slotBytes));
  }
  const memory = header.memoryBytes + header.heapBytes;
  if (info.memoryBytes && memory > info.memoryBytes) throw new PinnEdgeError('PE9018', sizes(memory, info.memoryBytes));
  if (flags & DEVICE_FLAG.SIGNED_ONLY && !header.signed) throw new PinnEdgeError('PE9019');
  if (info.slot !== SLOT.NONE && header.version < info.version && !options.force) {
    throw new PinnEdgeError('PE9020', { running: info.version, version: header.version });
  }
}

function sizes(need: number, have: number) {
  return { need, have, excess: need - have };
}

/** @throws PE9021 when the device runs another model than the build's */
export function requireRunning(info: DeviceInfo, build: LoadedBuild, port: string): void {
  if (info.slot !== SLOT.NONE && info.identity === build.report.identity) return;
  throw new PinnEdgeError('PE9021', { running: runningModel(info), build: build.directory, port });
}

/**
 * Compares the device's answers with the oracle's, bit for bit.
 *
 * @param inputs row-major [points x inputs] words
 * @throws PE9022 for the first that differs, exit code 1
 */
export async function requireSameAnswers(
  client: DeviceClient,
  info: DeviceInfo,
  build: LoadedBuild,
  inputs: Int32Array,
): Promise<void> {
  const { outputs, results } = await client.evaluate(info, inputs);
  const wanted = createOracle(requireValidTable(build.runnable.table)).run(inputs).outputs;
  const failed = results.findIndex((result) => result < 0);
  if (failed >= 0) throw new PinnEdgeError('PE9025', { point: failed, result: results[failed] });
  const at = outputs.findIndex((word, i) => word !== wanted[i]);
  if (at < 0) return;
  const point = Math.floor(at / info.outputCount);
  const output = build.report.outputs[at % info.outputCount].name;
  throw new PinnEdgeError('PE9022', { found: outputs[at], wanted: wanted[at], output, point }, EXIT.checkFailed);
}
