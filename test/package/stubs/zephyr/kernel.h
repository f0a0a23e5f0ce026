// What the sample needs of Zephyr, for compiling and running it without it.
#pragma once
#include <stdint.h>

static inline uint32_t k_cycle_get_32(void) {
  static uint32_t now;
  return now += 1000;
}
static inline uint32_t k_cyc_to_us_ceil32(uint32_t cycles) { return cycles; }
