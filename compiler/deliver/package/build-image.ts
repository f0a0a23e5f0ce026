import { encodeImage } from '../image/image.js';
import { PAYLOAD } from '../image/image-format.js';
import { type Golden, goldenWords } from './golden.js';
import type { Report } from './report.js';

/**
 * The bytes of a build's `model.img`, unsigned, from what lies in the build.
 *
 * @param payload the module, or for the engine `c` the block table
 */
export function buildImage(report: Report, payload: Uint8Array, golden: Golden): Uint8Array {
  const isTable = report.engine === 'c';
  return encodeImage({
    name: report.name,
    target: report.target,
    version: report.version,
    kind: isTable ? PAYLOAD.TABLE : PAYLOAD.MODULE,
    payload,
    identity: report.identity,
    memoryBytes: isTable ? report.arenaBytes : report.memoryBytes,
    stackBytes: report.wasm3StackBytes,
    heapBytes: report.wasm3HeapBytes,
    nativeStackBytes: report.nativeStackBytes,
    inputs: report.inputs,
    outputs: report.outputs,
    golden: goldenWords(golden),
  });
}
