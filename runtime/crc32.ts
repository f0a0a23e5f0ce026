/** CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), bit by bit: it runs once, a table would cost 1 kB of RAM. */
export function crc32(start: usize, end: usize): u32 {
  let crc: u32 = 0xffffffff;
  for (let p = start; p < end; p++) {
    crc ^= load<u8>(p);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320 & (0 - (crc & 1)));
  }
  return ~crc;
}
