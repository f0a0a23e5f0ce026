#include "instance.h"

#include <stdlib.h>
#include <string.h>

// wasm3 calls this (declared weak there) before every call of a wasm function. Recursion whose frames are smaller on
// the wasm stack than on the native one would otherwise overflow the native stack before wasm3's own check trips.
M3Result m3_Yield(void) { return stack_is_exhausted() ? m3Err_trapStackOverflow : m3Err_none; }

// One block type with many results turns a few wasm bytes into hundreds of operations, for which no native stack
// could be set aside in advance; and it is no part of the MVP that modules are limited to.
static bool uses_multiple_results(IM3Module module) {
  for (uint32_t i = 0; i < module->numFuncTypes; i++) {
    if (module->funcTypes[i]->numRets > 1) return true;
  }
  return false;
}

static size_t initial_linear_bytes(IM3Module module, uint32_t memory_limit) {
  size_t bytes = (size_t)module->memoryInfo.initPages * d_m3MemPageSize;
  return memory_limit != 0 && bytes > memory_limit ? memory_limit : bytes;
}

M3Result load_body(struct task *task) {
  const struct load_task *load = (struct load_task *)task;
  struct instance *instance = task->instance;
  instance->environment = m3_NewEnvironment();
  instance->runtime = m3_NewRuntime(instance->environment, instance->stack_bytes, NULL);
  instance->runtime->memoryLimit = load->memory_limit;
  instance->runtime->userdata = &instance->steps_left;
  M3Result result = m3_ParseModule(instance->environment, &instance->module, instance->wasm, instance->wasm_bytes);
  if (result != NULL) return result;
  if (uses_multiple_results(instance->module)) return "functions or blocks with several results are not supported";
  // wasm3 computes the bytes of linear memory in 32 bits.
  if (instance->module->memoryInfo.initPages > 65535) return "linear memory of more than 65535 pages";
  instance->heap.expected_linear_bytes =
      initial_linear_bytes(instance->module, load->memory_limit) + sizeof(M3MemoryHeader);
  result = m3_LoadModule(instance->runtime, instance->module);
  instance->heap.expected_linear_bytes = 0;
  if (result == NULL) result = pe_native_link(&instance->native, instance->module, instance->wasm, instance->wasm_bytes);
  return result == NULL && load->compile_all ? m3_CompileModule(instance->module) : result;
}

M3Result start_body(struct task *task) {
  task->instance->steps_left = task->instance->step_limit;
  return m3_RunStart(task->instance->module);
}

M3Result find_body(struct task *task) {
  struct find_task *find = (struct find_task *)task;
  return m3_FindFunction(&find->function, task->instance->runtime, find->name);
}

M3Result call_body(struct task *task) {
  const struct call_task *call = (struct call_task *)task;
  task->instance->steps_left = task->instance->step_limit;
  M3Result result = m3_Call(call->function, call->argument_count, call->arguments);
  if (result != NULL || call->function->funcType->numRets == 0) return result;
  const void *values[1] = {call->value};
  return m3_GetResults(call->function, 1, values);
}

bool linear_range(struct instance *instance, uint32_t address, size_t bytes, unsigned char **start) {
  M3MemoryHeader *header = instance->runtime->memory.mallocated;
  if (header == NULL || address > header->length || bytes > header->length - address) return false;
  *start = m3MemData(header) + address;
  return true;
}

static M3Result run_point(struct batch_task *batch, uint32_t point) {
  struct instance *instance = batch->call.base.instance;
  unsigned char *memory;
  if (!linear_range(instance, batch->input_address, batch->input_bytes, &memory)) {
    return "the inputs lie outside linear memory";
  }
  memcpy(memory, batch->inputs + (size_t)point * batch->input_bytes, batch->input_bytes);
  M3Result result = call_body(&batch->call.base);
  if (result != NULL) return result;
  memcpy(&batch->statuses[point], batch->call.value, sizeof batch->statuses[point]);
  // The module may have grown, and so moved, its memory.
  if (!linear_range(instance, batch->output_address, batch->output_bytes, &memory)) {
    return "the outputs lie outside linear memory";
  }
  memcpy(batch->outputs + (size_t)point * batch->output_bytes, memory, batch->output_bytes);
  return NULL;
}

M3Result batch_body(struct task *task) {
  struct batch_task *batch = (struct batch_task *)task;
  M3Result result = NULL;
  for (uint32_t point = 0; result == NULL && point < batch->points; point++) {
    batch->failed_point = point;
    result = run_point(batch, point);
  }
  return result;
}

// Runs a task's body on the private stack. When memory runs out the body is left wherever it was; what wasm3 holds is
// then in no defined state, and the instance is good for disposal only.
static void enter(void *argument) {
  struct task *task = argument;
  struct instance *instance = task->instance;
  heap_select(&instance->heap);
  if (_setjmp(instance->out_of_memory) == 0) {
    instance->heap.out_of_memory = &instance->out_of_memory;
    task->result = task->body(task);
  } else {
    instance->out_of_order = true;
    task->result = m3Err_mallocFailed;
  }
  instance->heap.out_of_memory = NULL;
}

static void keep_maximum(size_t *maximum, size_t value) {
  if (value > *maximum) *maximum = value;
}

// Compilation of a function that a run reaches first (lazy loading) counts to the run: on a device it happens there.
bool run_task(struct task *task, size_t *high_water_mark) {
  size_t used = 0;
  if (!stack_run(&task->instance->stack, enter, task, &used)) return false;
  keep_maximum(high_water_mark, used);
  return true;
}

size_t close_instance(struct instance *instance) {
  size_t leaked = 0;
  if (instance->open && !instance->out_of_order) {
    heap_select(&instance->heap);
    m3_FreeRuntime(instance->runtime);
    m3_FreeEnvironment(instance->environment);
    heap_select(NULL);
    leaked = instance->heap.linear.live + instance->heap.interpreter.live;
  }
  heap_close(&instance->heap);
  stack_close(&instance->stack);
  free(instance->wasm);
  instance->wasm = NULL;
  instance->open = false;
  return leaked;
}

static void add_code_pages(struct code_pages *pages, IM3CodePage page) {
  for (; page != NULL; page = page->info.next) {
    pages->bytes += sizeof(M3CodePageHeader) + page->info.numLines * sizeof(code_t);
    pages->words += page->info.lineIndex;
  }
}

struct code_pages count_code_pages(struct instance *instance) {
  struct code_pages pages = {0};
  add_code_pages(&pages, instance->runtime->pagesOpen);
  add_code_pages(&pages, instance->runtime->pagesFull);
  add_code_pages(&pages, instance->environment->pagesReleased);
  return pages;
}
