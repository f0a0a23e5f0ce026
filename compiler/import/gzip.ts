import { gunzipSync } from 'fflate';

/** Files that were compressed as a whole: `.pkl.gz`, `.npy.gz`. */

const MAX_BYTES = 2 ** 29;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** The bytes as they were before gzip; others as they are. Throws `Error` with the reason. */
export function unpacked(bytes: Uint8Array): Uint8Array {
  if (!isGzip(bytes)) return bytes;
  // The last four bytes are the length before compression; the output never grows beyond it.
  const size = bytes.length > 18 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true) : 0;
  if (size > MAX_BYTES) throw new Error(`it unpacks to more than ${MAX_BYTES / 2 ** 20} MiB`);
  return gunzipSync(bytes, { out: new Uint8Array(size) });
}
