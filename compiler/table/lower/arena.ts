/**
 * Arena plan: where every buffer lies, with buffers whose lifetimes do not overlap sharing bytes.
 *
 *     +---------------+ 0
 *     | input words   | int32, for ever
 *     +---------------+
 *     | output words  | int32, for ever
 *     +---------------+
 *     | buffers       | largest first, each at the lowest place that is free during its life
 *     +---------------+ bytes
 */

export interface BufferLife {
  bytes: number;
  /** Bytes that the buffer's address is a multiple of; 4 unless given. */
  alignment?: number;
  /** First and last step that touches the buffer. */
  first: number;
  last: number;
}

const ALIGNMENT = 4;

/** Offset of every buffer, and the size of the arena; `reserved` bytes at the start are left alone. */
export function planArena(buffers: readonly BufferLife[], reserved: number): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(buffers.length).fill(0);
  const order = buffers.map((_, i) => i).sort((i, j) => buffers[j].bytes - buffers[i].bytes || i - j);
  const placed: number[] = [];
  let bytes = reserved;
  for (const i of order) {
    const buffer = buffers[i];
    const neighbours = placed
      .filter((j) => buffers[j].first <= buffer.last && buffer.first <= buffers[j].last)
      .sort((j, k) => offsets[j] - offsets[k]);
    let at = align(reserved, buffer.alignment);
    for (const j of neighbours) {
      if (at + buffer.bytes <= offsets[j]) break;
      at = Math.max(at, align(offsets[j] + buffers[j].bytes, buffer.alignment));
    }
    offsets[i] = at;
    placed.push(i);
    bytes = Math.max(bytes, at + buffer.bytes);
  }
  return { offsets, bytes: align(bytes) };
}

/** The next multiple of `alignment`. */
export function align(bytes: number, alignment = ALIGNMENT): number {
  return Math.ceil(bytes / alignment) * alignment;
}
