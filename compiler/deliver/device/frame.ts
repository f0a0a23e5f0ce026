import { crc32 } from 'node:zlib';

/** Packets on the wire: COBS between zero bytes, with a CRC-32 at their end (see protocol.ts). */

const CRC_BYTES = 4;

/** The frame of a packet, which is given without its CRC. */
export function encodeFrame(packet: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(packet.length + CRC_BYTES);
  sealed.set(packet);
  new DataView(sealed.buffer).setUint32(packet.length, crc32(packet), true);
  const frame: number[] = [0];
  let code = frame.push(0) - 1;
  for (const byte of sealed) {
    if (byte !== 0) frame.push(byte);
    if (byte !== 0 && frame.length - code !== 255) continue;
    frame[code] = frame.length - code;
    code = frame.push(0) - 1;
  }
  frame[code] = frame.length - code;
  frame.push(0);
  return Uint8Array.from(frame);
}

/** The packet of a frame without its zero bytes and without its CRC; undefined when it was damaged. */
export function decodeFrame(frame: Uint8Array): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let from = 0; from < frame.length; ) {
    const length = frame[from];
    if (length === 0 || from + length > frame.length) return undefined;
    for (let i = 1; i < length; i++) bytes.push(frame[from + i]);
    from += length;
    if (length !== 255 && from < frame.length) bytes.push(0);
  }
  if (bytes.length < CRC_BYTES) return undefined;
  const all = Uint8Array.from(bytes);
  const packet = all.subarray(0, -CRC_BYTES);
  const crc = new DataView(all.buffer).getUint32(packet.length, true);
  return crc === crc32(packet) ? packet : undefined;
}

/** Finds frames in a stream of bytes. */
export class FrameReader {
  #bytes: number[] = [];

  /** @param longest bytes of the longest frame; what goes on without an end is cut there */
  constructor(readonly longest = 4096) {}

  /** The packets that these bytes complete; undefined for each damaged one. */
  push(bytes: Uint8Array): (Uint8Array | undefined)[] {
    const packets: (Uint8Array | undefined)[] = [];
    for (const byte of bytes) {
      if (byte !== 0 && this.#bytes.length < this.longest) {
        this.#bytes.push(byte);
        continue;
      }
      if (this.#bytes.length) packets.push(decodeFrame(Uint8Array.from(this.#bytes)));
      this.#bytes = [];
    }
    return packets;
  }
}
