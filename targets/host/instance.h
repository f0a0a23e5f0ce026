// One module with its own wasm3 runtime, heap and native stack. Everything that enters wasm3 is a task, whose body runs
// on that stack; when memory runs out the body is left wherever it was.

#ifndef PINN_EDGE_INSTANCE_H
#define PINN_EDGE_INSTANCE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counted_heap.h"
#include "m3_env.h"
#include "pe_native.h"
#include "private_stack.h"

struct instance {
  bool open;
  bool out_of_order;  // wasm3's state is undefined since it ran out of memory
  jmp_buf out_of_memory;
  struct counted_heap heap;
  struct private_stack stack;
  unsigned char *wasm;  // wasm3 keeps pointers into it
  uint32_t wasm_bytes;
  pe_native_t native;  // kernels for modules that import them
  uint32_t stack_bytes;
  uint32_t step_limit;  // rounds of loops per call
  uint32_t steps_left;
  IM3Environment environment;
  IM3Runtime runtime;
  IM3Module module;
  size_t native_load_bytes;
  size_t native_run_bytes;
  int64_t reported_bytes;  // what the garbage collector was told this instance holds
};

// The first member of every task.
struct task {
  M3Result (*body)(struct task *task);
  struct instance *instance;
  M3Result result;  // NULL: success
};

struct load_task {
  struct task base;
  uint32_t memory_limit;
  bool compile_all;
};

struct find_task {
  struct task base;
  const char *name;
  IM3Function function;
};

struct call_task {
  struct task base;
  IM3Function function;
  const void **arguments;
  uint32_t argument_count;
  void *value;  // 8 bytes for the result
};

struct batch_task {
  struct call_task call;
  uint32_t points;
  uint32_t input_address;
  uint32_t input_bytes;
  const unsigned char *inputs;
  uint32_t output_address;
  uint32_t output_bytes;
  unsigned char *outputs;
  int32_t *statuses;
  uint32_t failed_point;
};

// The bodies. After load_body the instance has its runtime and its module, linked and, if asked, compiled.
M3Result load_body(struct task *task);   // struct load_task
M3Result start_body(struct task *task);  // struct task: the module's start function
M3Result find_body(struct task *task);   // struct find_task
M3Result call_body(struct task *task);   // struct call_task
M3Result batch_body(struct task *task);  // struct batch_task: one call per point, inputs written and outputs read

// Runs the task's body and raises the mark to the native stack that it used. False when the system gave no thread; the
// body has then not run.
bool run_task(struct task *task, size_t *high_water_mark);

// Frees the interpreter by its own functions first, if it is in order: what is still counted then, wasm3 has leaked.
// Returns these bytes.
size_t close_instance(struct instance *instance);

// Where bytes address .. address + bytes - 1 of linear memory lie. False when they are not all inside it.
bool linear_range(struct instance *instance, uint32_t address, size_t bytes, unsigned char **start);

struct code_pages {
  size_t bytes;
  size_t words;
};

// What translated code takes, in all pages that the instance holds.
struct code_pages count_code_pages(struct instance *instance);

#endif
