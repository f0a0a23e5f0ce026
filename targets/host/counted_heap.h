// A heap of its own for every interpreter instance.
//
// Three reasons not to use malloc: its use can be counted per instance, it takes only a few bytes of native stack
// (glibc's malloc takes several hundred, and not always the same number, which would spoil the stack figures), and
// whatever wasm3 fails to free after an error goes away with the instance.
//
//   base                                   top                            end
//    | header, block | header, block | ...  |  not touched yet (zero pages) |

#ifndef PINN_EDGE_COUNTED_HEAP_H
#define PINN_EDGE_COUNTED_HEAP_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct heap_block;

// Bytes as requested by the interpreter, without allocator overhead. While a block is being resized the old and the
// new copy count both, as on a device whose realloc cannot grow in place.
struct heap_count {
  size_t live;
  size_t peak;
};

struct counted_heap {
  unsigned char *base;
  unsigned char *top;
  unsigned char *end;
  struct heap_block *freed;
  size_t limit;                   // bytes that may be live at once, linear memory included
  jmp_buf *out_of_memory;         // where to jump when the limit is hit; NULL: return NULL as the C library does
  size_t expected_linear_bytes;   // the next fresh block of this size is wasm linear memory; 0: none expected
  struct heap_count linear;       // wasm linear memory with its M3MemoryHeader
  struct heap_count interpreter;  // everything else
};

// Reserves address space for `limit` live bytes. False when the system has none to give.
bool heap_open(struct counted_heap *heap, size_t limit);

// Returns all memory to the system, freed or not.
void heap_close(struct counted_heap *heap);

// Names the heap that the calling thread's counted_* calls use; NULL: none, and every allocation fails.
void heap_select(struct counted_heap *heap);

// The C library's contract, on the selected heap, but for one thing: wasm3 0.5.0 does not survive every allocation
// that fails (it frees tables it never got), so failures leave wasm3 by `out_of_memory`. Growing linear memory is
// exempt, since wasm3 reports that to the module. Blocks are 16-byte aligned; a fresh block is zero.
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *pointer, size_t size);
void counted_free(void *pointer);

#endif
