/** Reads the arguments of a pickle's opcodes (CPython, Lib/pickletools.py). Throws `Error` where the pickle is cut off. */
export class PickleReader {
  private readonly view: DataView;

  /** @param at offset of the next byte */
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next `count` bytes, which must be there. */
  private take(count: number): number {
    const at = this.at;
    if (!(count >= 0) || at + count > this.bytes.length) throw new Error('it ends in the middle');
    this.at += count;
    return at;
  }

  byte(): number {
    return this.bytes[this.take(1)];
  }

  /** Integers are little-endian. */
  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  length32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  length64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  /** Big-endian. */
  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** So many bytes, not copied. */
  slice(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** UTF-8 of so many bytes. */
  text(length: number): string {
    return new TextDecoder().decode(this.slice(length));
  }

  /** Text up to the end of a line, which is left out. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 1000) throw new Error('it ends in the middle');
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  /** A little-endian two's complement integer; beyond 2^53 as the nearest number. */
  long(length: number): number {
    if (length > 64) throw new Error('it holds an integer of more than 512 bits');
    const bytes = this.slice(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    if (length > 0 && bytes[length - 1] & 0x80) value -= 1n << BigInt(8 * length);
    return Number(value);
  }
}
