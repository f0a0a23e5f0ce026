// Where constants lie. 8-bit AVRs such as the ATmega328P read program memory by instructions of their own and copy all
// other constants to RAM: there constants that are declared PE_FLASH stay in program memory, and are read through the
// functions below. Everywhere else, AVRs that map their flash into memory included, these are plain loads.
//
// They are assembly because GCC's address space __flash, which would make them plain C, is not to be relied on: GCC 5.4
// reads RAM instead where it strength-reduces the address.
#ifndef PE_FLASH_H
#define PE_FLASH_H

#include <stdint.h>
#include <string.h>

// Of the architectures from 100 on, loads reach the flash.
#if defined(__AVR__) && (!defined(__AVR_ARCH__) || __AVR_ARCH__ < 100)
#define PE_FLASH_IS_APART 1
#else
#define PE_FLASH_IS_APART 0
#endif

#if defined(__GNUC__)
#define PE_READ static inline __attribute__((always_inline, unused))
#define PE_MAY_ALIAS __attribute__((may_alias))
#else
// Compilers without this attribute need their option that turns type-based alias analysis off.
#define PE_READ static inline
#define PE_MAY_ALIAS
#endif

// The arena and the pool hold both widths side by side.
typedef int16_t PE_MAY_ALIAS pe_narrow_t;
typedef int32_t PE_MAY_ALIAS pe_wide_t;
typedef uint32_t PE_MAY_ALIAS pe_pair_t;  // two int16 in one word, the first one lowest

#if PE_FLASH_IS_APART

#define PE_FLASH __attribute__((__progmem__))

// Addresses are those of the lower 64 kB of flash, where the linker puts such constants first.
PE_READ int8_t pe_flash_8(const void *at) {
  int8_t value;
  __asm__("lpm %0, Z" : "=r"(value) : "z"(at));
  return value;
}

PE_READ int16_t pe_flash_16(const void *at) {
  int16_t value;
  __asm__("lpm %A0, Z+\n\tlpm %B0, Z" : "=&r"(value), "+z"(at));
  return value;
}

PE_READ int32_t pe_flash_32(const void *at) {
  int32_t value;
  __asm__("lpm %A0, Z+\n\tlpm %B0, Z+\n\tlpm %C0, Z+\n\tlpm %D0, Z" : "=&r"(value), "+z"(at));
  return value;
}

PE_READ void pe_flash_copy(void *to, const void *from, uint16_t bytes) {
  for (uint16_t i = 0; i < bytes; i++) ((uint8_t *)to)[i] = (uint8_t)pe_flash_8((const uint8_t *)from + i);
}

#else

#define PE_FLASH

PE_READ int8_t pe_flash_8(const void *at) { return *(const int8_t *)at; }
PE_READ int16_t pe_flash_16(const void *at) { return *(const pe_narrow_t *)at; }
PE_READ int32_t pe_flash_32(const void *at) { return *(const pe_wide_t *)at; }
PE_READ void pe_flash_copy(void *to, const void *from, uint16_t bytes) { memcpy(to, from, bytes); }

#endif

#endif
