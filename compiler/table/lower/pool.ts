/** The weight pool: aligned pieces, equal ones stored once. */
export class PoolBuilder {
  private readonly pieces: { bytes: Uint8Array; at: number }[] = [];
  private readonly known = new Map<string, number>();
  private size = 0;

  /** Pool address of `values`, stored little-endian in elements of `bytes` bytes. */
  add(values: ArrayLike<number>, bytes: 1 | 2 | 4): number {
    const piece = new Uint8Array(values.length * bytes);
    const view = new DataView(piece.buffer);
    for (let i = 0; i < values.length; i++) {
      if (bytes === 1) view.setInt8(i, values[i]);
      else if (bytes === 2) view.setInt16(2 * i, values[i], true);
      else view.setInt32(4 * i, values[i], true);
    }
    return this.addBytes(piece, bytes);
  }

  /** Pool address of bytes as they are, a multiple of `unit`. */
  addBytes(piece: Uint8Array, unit: 1 | 2 | 4): number {
    const key = `${unit}:${Buffer.from(piece).toString('latin1')}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const at = Math.ceil(this.size / unit) * unit;
    this.pieces.push({ bytes: piece, at });
    this.known.set(key, at);
    this.size = at + piece.length;
    return at;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.size);
    for (const { bytes, at } of this.pieces) all.set(bytes, at);
    return all;
  }
}
