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

// CRC-32 (IEEE 802.3), bit by bit: independent of the library's.
static inline uint32_t fuzz_crc32(const uint8_t *bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

#endif
