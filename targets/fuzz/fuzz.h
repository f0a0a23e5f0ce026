// What the fuzz targets share. Each is a libFuzzer target (LLVMFuzzerTestOneInput), and with replay.c a program that
// takes files and needs no clang.
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A claim about the library that does not hold is a finding, as a crash is.
#define MUST(claim)                                                            \
  do {                                                                         \
    if (!(claim)) {                                                            \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim); \
      abort();                                                                 \
    }                                                                          \
  } while (0)

// Gives back what wasm3 has allocated (arena.c).
void fuzz_release_arena(void);

static inline uint32_t fuzz_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void fuzz_put_u32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

// CRC-32 (IEEE 802.3), bit by bit: independent of the library's.
static inline uint32_t fuzz_crc32(const uint8_t *bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

// Gives an image, whose header says how long it is, the CRC-32 that it should have.
#ifdef PE_IMAGE_H
static inline void fuzz_fix_image(uint8_t *image, uint32_t available) {
  if (available < PE_IMAGE_HEADER_BYTES) return;
  const uint32_t total = fuzz_u32(image + PE_IMAGE_HEADER_TOTAL_BYTES);
  if (total < PE_IMAGE_HEADER_BYTES || total > available) return;
  fuzz_put_u32(image + PE_IMAGE_HEADER_CRC,
               fuzz_crc32(image + PE_IMAGE_HEADER_SIGNATURE, total - PE_IMAGE_HEADER_SIGNATURE));
}

// Public key of the seeds that are signed (test/fuzz/seeds.ts): RFC 8032, section 7.1, test 1.
#define FUZZ_PUBLIC_KEY                                                                                             \
  {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,                  \
   0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}
#endif

#endif
