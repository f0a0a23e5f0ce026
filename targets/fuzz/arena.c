// pe_arena.h with a heap block for each allocation, so that AddressSanitizer sees every access beyond one. What the
// arena could not hold is refused as by the real one.
#include "pe_arena.h"

#include "fuzz.h"

#define MAX_BLOCKS 4096u

static pe_arena_t *selected;
static size_t left;
static void *blocks[MAX_BLOCKS];
static size_t block_bytes[MAX_BLOCKS];
static size_t block_count;

void fuzz_release_arena(void) {
  while (block_count > 0) free(blocks[--block_count]);
}

void pe_arena_init(pe_arena_t *arena, void *memory, size_t bytes) {
  memset(arena, 0, sizeof *arena);
  arena->start = arena->newest = arena->top = (uint8_t *)memory;
  arena->end = arena->start + bytes;
  fuzz_release_arena();
  left = bytes;
}

void pe_arena_select(pe_arena_t *arena) { selected = arena; }

void *pe_arena_calloc(size_t count, size_t size) {
  if (selected == NULL) return NULL;
  const size_t bytes = size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size;
  if (bytes > left || block_count == MAX_BLOCKS) longjmp(selected->no_room, 1);
  left -= bytes;
  void *block = calloc(1, bytes > 0 ? bytes : 1);
  if (block == NULL) abort();
  block_bytes[block_count] = bytes;
  blocks[block_count++] = block;
  return block;
}

void *pe_arena_realloc(void *block, size_t size) {
  void *moved = pe_arena_calloc(1, size);
  for (size_t i = 0; block != NULL && moved != NULL && i < block_count; i++) {
    if (blocks[i] == block) memcpy(moved, block, block_bytes[i] < size ? block_bytes[i] : size);
  }
  return moved;
}

void pe_arena_free(void *block) {
  for (size_t i = 0; block != NULL && i < block_count; i++) {
    if (blocks[i] != block) continue;
    free(block);
    blocks[i] = blocks[--block_count];
    block_bytes[i] = block_bytes[block_count];
    return;
  }
}
