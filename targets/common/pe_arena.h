// The memory that wasm3 takes while a model is opened: the caller's arena, and nothing else.
//
//   start            newest          top                    end
//    | block | block | newest block | free                   |
//
// Blocks lie one after the other, without headers. Only the newest one can shrink, grow in place or be given back;
// room of older ones is lost until the arena is used anew, which is little: wasm3 allocates while it loads and
// translates a module and frees almost nothing of it. Everything goes away at once when the arena does.
#ifndef PE_ARENA_H
#define PE_ARENA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint8_t *start;
  uint8_t *newest;
  uint8_t *top;
  uint8_t *end;
  // Where to go when there is no room: wasm3 0.5.0 does not survive every allocation that fails (it follows null
  // pointers when it cleans up), so it does not come back to it.
  jmp_buf no_room;
} pe_arena_t;

// An empty arena in bytes of any alignment. Blocks are aligned to 8.
void pe_arena_init(pe_arena_t *arena, void *memory, size_t bytes);

// Names the arena that wasm3 allocates from; with NULL its allocations fail. One for all threads.
void pe_arena_select(pe_arena_t *arena);

// What wasm3 calls instead of calloc, realloc and free.
void *pe_arena_calloc(size_t count, size_t size);
void *pe_arena_realloc(void *block, size_t size);
void pe_arena_free(void *block);

#ifdef __cplusplus
}
#endif

#endif
