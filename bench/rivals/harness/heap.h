// The rivals' malloc, calloc, realloc and free, on the fixed arena between board_rest_low and board_rest_end. A
// request that cannot be met ends the program and says so.
#ifndef HEAP_H
#define HEAP_H

#include <stdint.h>

typedef struct {
  uint32_t peak_bytes;   // most bytes that were allocated at once, as requested; while realloc moves a block both count
  uint32_t arena_bytes;  // part of the arena that was ever used: blocks with their headers, and gaps between them
  uint32_t live_bytes;   // allocated now
} heap_usage_t;

heap_usage_t heap_usage(void);

#endif
