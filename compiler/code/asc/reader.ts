/** The binary format of WebAssembly modules (Core Specification 1.0, section 5), byte by byte. */

export const I32 = 0x7f;
export const I64 = 0x7e;
/** Type of a block without a result. */
export const EMPTY_BLOCK = 0x40;

/** Why a module is not taken. */
export class Refusal extends Error {}

/** Reads a part of a module from its start; throws {@link Refusal} at its end. */
export class Reader {
  at: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    readonly end: number,
  ) {
    this.at = start;
  }

  byte(): number {
    if (this.at >= this.end) throw new Refusal(`it ends unexpectedly at byte ${this.at}`);
    return this.bytes[this.at++];
  }

  /** Unsigned or signed LEB128; the value of signed ones is not needed. */
  leb(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Refusal(`an integer at byte ${this.at} is too long`);
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.end) throw new Refusal('it ends unexpectedly');
  }

  sub(length: number): Reader {
    const start = this.at;
    this.skip(length);
    return new Reader(this.bytes, start, start + length);
  }

  get done(): boolean {
    return this.at >= this.end;
  }
}
