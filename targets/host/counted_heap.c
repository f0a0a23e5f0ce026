#include "counted_heap.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define PINN_EDGE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINN_EDGE_ASAN 1
#endif
#endif

// Under AddressSanitizer everything but live blocks is poisoned, so that an overrun of one byte is reported.
#ifdef PINN_EDGE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define UNPOISON(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define POISON(address, size) ((void)(address), (void)(size))
#define UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#define ALIGNMENT ((size_t)16)

// Poisoned bytes after every block, so that an overrun does not land in the next block's header.
#ifdef PINN_EDGE_ASAN
#define RED_ZONE ((size_t)64)
#else
#define RED_ZONE ((size_t)0)
#endif

// Address space reserved per byte of limit: room for headers and for freed blocks that fit no later request.
#define RESERVE_FACTOR 4
#define RESERVE_MINIMUM ((size_t)1 << 20)

struct heap_block {
  size_t size;      // as requested
  size_t capacity;  // as reserved, a multiple of ALIGNMENT
  struct heap_count *count;
  struct heap_block *next_freed;
};

_Static_assert(sizeof(struct heap_block) % 16 == 0, "blocks must stay 16-byte aligned");

static _Thread_local struct counted_heap *selected_heap;

static size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

bool heap_open(struct counted_heap *heap, size_t limit) {
  memset(heap, 0, sizeof *heap);
  if (limit > (SIZE_MAX - RESERVE_MINIMUM) / RESERVE_FACTOR) return false;
  size_t size = round_up(limit * RESERVE_FACTOR + RESERVE_MINIMUM, (size_t)1 << 16);
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  heap->base = heap->top = base;
  heap->end = heap->base + size;
  heap->limit = limit;
  return true;
}

void heap_close(struct counted_heap *heap) {
  if (heap->base == NULL) return;
  UNPOISON(heap->base, (size_t)(heap->end - heap->base));
  munmap(heap->base, (size_t)(heap->end - heap->base));
  memset(heap, 0, sizeof *heap);
}

void heap_select(struct counted_heap *heap) { selected_heap = heap; }

static void count_allocated(struct heap_count *count, size_t size) {
  count->live += size;
  if (count->live > count->peak) count->peak = count->live;
}

static struct heap_block *reuse_freed_block(struct counted_heap *heap, size_t capacity) {
  for (struct heap_block **link = &heap->freed; *link != NULL; link = &(*link)->next_freed) {
    struct heap_block *block = *link;
    // A much larger block is left for a request of its own size.
    if (block->capacity < capacity || block->capacity / 2 > capacity) continue;
    *link = block->next_freed;
    UNPOISON(block + 1, block->capacity);
    memset(block + 1, 0, block->capacity);
    POISON(block + 1, block->capacity);
    return block;
  }
  return NULL;
}

static struct heap_block *take_fresh_block(struct counted_heap *heap, size_t capacity) {
  if (capacity > (size_t)(heap->end - heap->top) - sizeof(struct heap_block)) return NULL;
  struct heap_block *block = (struct heap_block *)heap->top;
  heap->top += sizeof *block + capacity;
  block->capacity = capacity;
  POISON(block + 1, capacity);
  return block;
}

static void *try_to_allocate(struct counted_heap *heap, size_t size, struct heap_count *count) {
  if (size > heap->limit || heap->linear.live + heap->interpreter.live > heap->limit - size) return NULL;
  size_t capacity = round_up(size == 0 ? 1 : size, ALIGNMENT) + RED_ZONE;
  struct heap_block *block = reuse_freed_block(heap, capacity);
  if (block == NULL) block = take_fresh_block(heap, capacity);
  if (block == NULL) return NULL;
  block->size = size;
  block->count = count;
  UNPOISON(block + 1, size);
  count_allocated(count, size);
  return block + 1;
}

static void *allocate(struct counted_heap *heap, size_t size, struct heap_count *count) {
  void *block = try_to_allocate(heap, size, count);
  if (block == NULL && count != &heap->linear && heap->out_of_memory != NULL) _longjmp(*heap->out_of_memory, 1);
  return block;
}

void *counted_calloc(size_t count, size_t size) {
  if (selected_heap == NULL || (size != 0 && count > SIZE_MAX / size)) return NULL;
  return allocate(selected_heap, count * size, &selected_heap->interpreter);
}

// wasm3 obtains linear memory by realloc of nothing, like several of its tables; only the size tells them apart.
static struct heap_count *count_for_new_block(struct counted_heap *heap, size_t size) {
  if (heap->expected_linear_bytes == 0 || size != heap->expected_linear_bytes) return &heap->interpreter;
  heap->expected_linear_bytes = 0;
  return &heap->linear;
}

void *counted_realloc(void *pointer, size_t size) {
  struct counted_heap *heap = selected_heap;
  if (heap == NULL) return NULL;
  if (pointer == NULL) return allocate(heap, size, count_for_new_block(heap, size));
  struct heap_block *old = (struct heap_block *)pointer - 1;
  void *moved = allocate(heap, size, old->count);
  if (moved == NULL) return NULL;
  memcpy(moved, pointer, old->size < size ? old->size : size);
  counted_free(pointer);
  return moved;
}

void counted_free(void *pointer) {
  struct counted_heap *heap = selected_heap;
  if (heap == NULL || pointer == NULL) return;
  struct heap_block *block = (struct heap_block *)pointer - 1;
  block->count->live -= block->size;
  block->next_freed = heap->freed;
  heap->freed = block;
  POISON(block + 1, block->capacity);
}
