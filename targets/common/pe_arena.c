#include "pe_arena.h"

#include <string.h>

#define ALIGNMENT 8u

static pe_arena_t *selected;

static size_t aligned(size_t bytes) { return (bytes + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1); }

void pe_arena_init(pe_arena_t *arena, void *memory, size_t bytes) {
  const size_t skipped = aligned((size_t)(uintptr_t)memory) - (size_t)(uintptr_t)memory;
  arena->start = (uint8_t *)memory + (skipped < bytes ? skipped : bytes);
  arena->end = (uint8_t *)memory + bytes;
  arena->newest = arena->start;
  arena->top = arena->start;
}

void pe_arena_select(pe_arena_t *arena) { selected = arena; }

// Makes the newest block `size` bytes long.
static void *set_newest(size_t size) {
  const size_t room = (size_t)(selected->end - selected->newest);
  if (size > room || aligned(size) > room) longjmp(selected->no_room, 1);
  selected->top = selected->newest + aligned(size);
  return selected->newest;
}

static void *allocate(size_t size) {
  if (selected == NULL) return NULL;
  selected->newest = selected->top;
  return set_newest(size);
}

void *pe_arena_calloc(size_t count, size_t size) {
  const size_t bytes = size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size;
  void *block = allocate(bytes);
  return block == NULL ? NULL : memset(block, 0, bytes);
}

void *pe_arena_realloc(void *block, size_t size) {
  if (selected != NULL && block == selected->newest) return set_newest(size);
  uint8_t *moved = (uint8_t *)allocate(size);
  if (moved == NULL || block == NULL) return moved;
  // How long the block was is not known, but it ended before the new one. wasm3 clears what it did not have before.
  const size_t most = (size_t)(moved - (uint8_t *)block);
  return memcpy(moved, block, size < most ? size : most);
}

void pe_arena_free(void *block) {
  if (selected != NULL && block == selected->newest) selected->top = selected->newest;
}
