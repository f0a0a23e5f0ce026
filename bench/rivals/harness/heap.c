// First fit on a list of free blocks in order of their addresses; neighbours are joined when a block is freed.
//
//   board_rest_low                       top                      board_rest_end
//   | header, block | header, block | ... |  never used yet        |
//
// Linked instead of the C library's, so that whatever allocates is counted, and at most the arena is used.
#include "heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

#define ALIGNMENT 8u

typedef struct block {
  uint32_t capacity;  // bytes after the header, a multiple of ALIGNMENT
  union {
    uint32_t requested;  // while it is allocated
    struct block *next;  // while it is free
  } is;
} block_t;

static block_t *first_free;
static uint8_t *top;
static heap_usage_t usage;

heap_usage_t heap_usage(void) { return usage; }

static uint8_t *end_of(block_t *block) { return (uint8_t *)(block + 1) + block->capacity; }

static block_t *block_of(void *pointer) { return (block_t *)pointer - 1; }

// Takes the block out of the free list; what it has too much of stays there.
static block_t *take(block_t **link, uint32_t capacity) {
  block_t *block = *link;
  block_t *rest_next = block->is.next;
  if (block->capacity >= capacity + sizeof(block_t) + ALIGNMENT) {
    block_t *rest = (block_t *)((uint8_t *)(block + 1) + capacity);
    rest->capacity = block->capacity - capacity - (uint32_t)sizeof(block_t);
    rest->is.next = rest_next;
    block->capacity = capacity;
    rest_next = rest;
  }
  *link = rest_next;
  return block;
}

static block_t *take_fresh(uint32_t capacity) {
  if (top == NULL) top = board_rest_low;
  const size_t room = (size_t)(board_rest_end - top);
  if (room < sizeof(block_t) || capacity > room - sizeof(block_t)) return NULL;
  block_t *block = (block_t *)(void *)top;
  block->capacity = capacity;
  top = end_of(block);
  usage.arena_bytes = (uint32_t)(top - board_rest_low);
  return block;
}

static block_t *find(uint32_t capacity) {
  for (block_t **link = &first_free; *link != NULL; link = &(*link)->is.next) {
    if ((*link)->capacity >= capacity) return take(link, capacity);
  }
  return take_fresh(capacity);
}

// wasm3 0.5.0 does not survive an allocation that fails, so it does not come back to it.
__attribute__((noreturn)) static void stop(void) {
  board_print("FAIL heap: the model does not fit the board's RAM\n");
  board_exit(1);
}

void *malloc(size_t size) {
  block_t *block = NULL;
  if (size <= (size_t)(board_rest_end - board_rest_low)) {
    const uint32_t wanted = size == 0 ? 1 : (uint32_t)size;
    block = find((wanted + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
  }
  if (block == NULL) stop();
  block->is.requested = (uint32_t)size;
  usage.live_bytes += (uint32_t)size;
  if (usage.live_bytes > usage.peak_bytes) usage.peak_bytes = usage.live_bytes;
  return block + 1;
}

// The compiler would make malloc and memset in a function named calloc a call of calloc.
__attribute__((optimize("no-tree-loop-distribute-patterns"), noinline)) static void clear(uint8_t *at, size_t size) {
  volatile uint8_t *byte = at;
  while (size-- > 0) *byte++ = 0;
}

void *calloc(size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) stop();
  void *pointer = malloc(count * size);
  clear((uint8_t *)pointer, count * size);
  return pointer;
}

static void join_with_next(block_t *block) {
  block_t *next = block->is.next;
  if (next == NULL || end_of(block) != (uint8_t *)next) return;
  block->capacity += (uint32_t)sizeof(block_t) + next->capacity;
  block->is.next = next->is.next;
}

void free(void *pointer) {
  if (pointer == NULL) return;
  block_t *block = block_of(pointer);
  usage.live_bytes -= block->is.requested;
  block_t *before = NULL;
  block_t *after = first_free;
  while (after != NULL && after < block) {
    before = after;
    after = after->is.next;
  }
  block->is.next = after;
  if (before == NULL) {
    first_free = block;
  } else {
    before->is.next = block;
  }
  join_with_next(block);
  if (before != NULL) join_with_next(before);
}

void *realloc(void *pointer, size_t size) {
  if (pointer == NULL) return malloc(size);
  void *moved = malloc(size);
  const uint32_t old = block_of(pointer)->is.requested;
  memcpy(moved, pointer, old < size ? old : size);
  free(pointer);
  return moved;
}
