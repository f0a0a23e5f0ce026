#include "pe_crc32.h"

// Of half a byte: the usual table of 256 entries would take 1 kB.
static const uint32_t nibbles[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
    0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

static uint32_t add_byte(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  crc = (crc >> 4) ^ nibbles[crc & 15u];
  return (crc >> 4) ^ nibbles[crc & 15u];
}

uint32_t pe_crc32(const uint8_t *bytes, uint32_t count) {
  uint32_t crc = 0xffffffffu;
  for (uint32_t i = 0; i < count; i++) crc = add_byte(crc, bytes[i]);
  return ~crc;
}

// Four bytes at a time (Kounavis and Berry, "A systematic approach to building high performance software-based CRC
// generators", ISCC 2005): scratch[256 k + b] is what byte b adds when k bytes come after it.
uint32_t pe_crc32_in(const uint8_t *bytes, uint32_t count, uint32_t *scratch) {
  for (uint32_t b = 0; b < 256u; b++) scratch[b] = add_byte(b, 0);
  for (uint32_t i = 256; i < PE_CRC32_SCRATCH_WORDS; i++) {
    const uint32_t before = scratch[i - 256u];
    scratch[i] = (before >> 8) ^ scratch[before & 0xffu];
  }
  uint32_t crc = 0xffffffffu;
  const uint8_t *at = bytes;
  for (const uint8_t *end = bytes + (count & ~3u); at != end; at += 4) {
    crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    crc = scratch[768u + (crc & 0xffu)] ^ scratch[512u + ((crc >> 8) & 0xffu)] ^ scratch[256u + ((crc >> 16) & 0xffu)] ^
          scratch[crc >> 24];
  }
  for (const uint8_t *end = bytes + count; at != end; at++) crc = add_byte(crc, *at);
  return ~crc;
}
