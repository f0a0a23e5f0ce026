/** Bytes of scratch memory that {@link crc32} needs. */
export const CRC_SCRATCH_BYTES: u32 = 64;

/**
 * CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320) of start .. end, four bits at a time. Its table of 16 words is
 * made in `scratch`, which is zero again afterwards: it is needed once.
 */
export function crc32(start: usize, end: usize, scratch: usize): u32 {
  for (let nibble: u32 = 0; nibble < 16; nibble++) {
    let word = nibble;
    for (let bit = 0; bit < 4; bit++) word = (word >> 1) ^ (0xedb88320 & (0 - (word & 1)));
    store<u32>(scratch + ((nibble as usize) << 2), word);
  }
  let crc: u32 = 0xffffffff;
  for (let p = start; p < end; p++) {
    crc ^= load<u8>(p);
    crc = (crc >> 4) ^ load<u32>(scratch + (((crc & 15) as usize) << 2));
    crc = (crc >> 4) ^ load<u32>(scratch + (((crc & 15) as usize) << 2));
  }
  for (let p = scratch; p < scratch + CRC_SCRATCH_BYTES; p += 8) store<u64>(p, 0);
  return ~crc;
}
