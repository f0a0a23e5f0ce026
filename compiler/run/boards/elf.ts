/** What of an executable goes into memory: little-endian ELF for 32-bit machines (Tool Interface Standard, ELF 1.2). */
export interface Segment {
  /** Where it is loaded, which is in flash for initialised variables. */
  address: number;
  bytes: Uint8Array;
}

const PROGRAM_HEADER_OFFSET = 28;
const PROGRAM_HEADER_SIZE = 42;
const PROGRAM_HEADER_COUNT = 44;
const LOADABLE = 1;

/** The segments that the program headers say are loaded, empty ones left out. */
export function loadableSegments(elf: Uint8Array): Segment[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const [start, size, count] = [
    view.getUint32(PROGRAM_HEADER_OFFSET, true),
    view.getUint16(PROGRAM_HEADER_SIZE, true),
    view.getUint16(PROGRAM_HEADER_COUNT, true),
  ];
  return Array.from({ length: count }, (_, i) => start + i * size)
    .filter((at) => view.getUint32(at, true) === LOADABLE)
    .map((at) => {
      const [offset, address, bytes] = [4, 12, 16].map((field) => view.getUint32(at + field, true));
      return { address, bytes: elf.subarray(offset, offset + bytes) };
    })
    .filter(({ bytes }) => bytes.length > 0);
}
