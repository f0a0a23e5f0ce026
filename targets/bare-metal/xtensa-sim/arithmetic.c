// Integer arithmetic that the LX106 has no instructions for. The ESP8266 has these functions in its ROM, so the
// compiler's own library leaves them out.
#include <stdint.h>

uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __umulsidi3(uint32_t a, uint32_t b);
uint64_t __muldi3(uint64_t a, uint64_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);

// Restoring division, one bit of the quotient at a time. Returns the quotient and leaves the remainder in *a. Callers
// never divide by zero.
static uint32_t divide32(uint32_t *a, uint32_t b) {
  uint32_t quotient = 0, bit = 1;
  while (b < *a && (b >> 31) == 0) {
    b <<= 1;
    bit <<= 1;
  }
  for (; bit != 0; bit >>= 1, b >>= 1) {
    if (*a < b) continue;
    *a -= b;
    quotient |= bit;
  }
  return quotient;
}

static uint64_t divide64(uint64_t *a, uint64_t b) {
  uint64_t quotient = 0, bit = 1;
  while (b < *a && (b >> 63) == 0) {
    b <<= 1;
    bit <<= 1;
  }
  for (; bit != 0; bit >>= 1, b >>= 1) {
    if (*a < b) continue;
    *a -= b;
    quotient |= bit;
  }
  return quotient;
}

uint32_t __udivsi3(uint32_t a, uint32_t b) { return divide32(&a, b); }

uint32_t __umodsi3(uint32_t a, uint32_t b) {
  divide32(&a, b);
  return a;
}

int32_t __divsi3(int32_t a, int32_t b) {
  uint32_t magnitude = a < 0 ? 0u - (uint32_t)a : (uint32_t)a;
  const uint32_t quotient = divide32(&magnitude, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
  return (int32_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t a, uint64_t b) { return divide64(&a, b); }

uint64_t __umoddi3(uint64_t a, uint64_t b) {
  divide64(&a, b);
  return a;
}

int64_t __divdi3(int64_t a, int64_t b) {
  uint64_t magnitude = a < 0 ? 0u - (uint64_t)a : (uint64_t)a;
  const uint64_t quotient = divide64(&magnitude, b < 0 ? 0u - (uint64_t)b : (uint64_t)b);
  return (int64_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}

// Four products of halves: a b = (ah bh << 32) + ((ah bl + al bh) << 16) + al bl
uint64_t __umulsidi3(uint32_t a, uint32_t b) {
  const uint32_t al = a & 0xffffu, ah = a >> 16, bl = b & 0xffffu, bh = b >> 16;
  const uint32_t low = al * bl;
  const uint32_t middle = ah * bl + (low >> 16);
  const uint32_t other = al * bh + (middle & 0xffffu);
  const uint32_t high = ah * bh + (middle >> 16) + (other >> 16);
  return ((uint64_t)high << 32) | (other << 16) | (low & 0xffffu);
}

// The low 64 bits of the product, which signs do not change.
uint64_t __muldi3(uint64_t a, uint64_t b) {
  const uint32_t al = (uint32_t)a, ah = (uint32_t)(a >> 32), bl = (uint32_t)b, bh = (uint32_t)(b >> 32);
  return __umulsidi3(al, bl) + ((uint64_t)(al * bh + ah * bl) << 32);
}
