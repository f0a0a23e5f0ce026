// Node-API addon around wasm3: one instance is one module with its own runtime, heap and native stack.
// The typed face is wasm3.ts, which checks what users pass; node_values.h checks again what memory safety needs.
//
// Functions exported to JavaScript (handle: the object that load() returned):
//   version                                                            wasm3's version string
//   load(wasm, stackBytes, memoryLimit, heapLimit, compileAll, isModel) -> handle
//   find(handle, name)                                                 -> { id, parameters, results } e.g. 'iI', 'i'
//   call(handle, id, slots)                                            slots: BigInt64Array, arguments in, result out
//   runBatch(handle, id, inputAddress, inputs, outputAddress, outputs, statuses)
//   read(handle, address, target), write(handle, address, source)
//   usage(handle)                                                      -> figures in bytes
//   dispose(handle)                                                    -> bytes that wasm3 itself left unfreed
//   runTable(table, inputs, outputs, statuses)                         see table_node.h; needs no module

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit_node.h"
#include "instance.h"
#include "node_values.h"
#include "pe_validate.h"
#include "pinn_edge.h"
#include "table_node.h"

// Native stack set aside per byte of wasm. On x86-64 straight-line code without tail calls takes 16 bytes per operation
// (of at least one byte), a loop 80, and wasm3's compiler about 350 bytes per nested block (of at least two bytes).
// Address space is cheap, running into the guard page is not.
#define NATIVE_STACK_PER_WASM_BYTE ((size_t)512)

#define MAX_SIGNATURE d_m3MaxSaneFunctionArgRetCount
#define MAX_NAME_BYTES 1024

static const napi_type_tag handle_tag = {0x5b6f2f0c3d7a4e19, 0x8a1c94d0e2b7f365};

// --- module handles ----------------------------------------------------------------------------------------------

static void report_memory(napi_env env, struct instance *instance, int64_t bytes) {
  int64_t total;
  napi_adjust_external_memory(env, bytes - instance->reported_bytes, &total);
  instance->reported_bytes = bytes;
}

static void finalize_instance(napi_env env, void *data, void *hint) {
  (void)hint;
  struct instance *instance = data;
  close_instance(instance);
  report_memory(env, instance, 0);
  free(instance);
}

static bool get_instance(napi_env env, napi_value handle, struct instance **instance) {
  bool tagged = false;
  void *data = NULL;
  if (napi_check_object_type_tag(env, handle, &handle_tag, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, handle, &data) != napi_ok) {
    return throw_sentence(env, "wasm3: the addon was called with something that is not a module handle");
  }
  *instance = data;
  if ((*instance)->open) return true;
  return throw_sentence(env, "wasm3: the module was used after dispose()");
}

static bool get_usable_instance(napi_env env, napi_value handle, struct instance **instance) {
  if (!get_instance(env, handle, instance)) return false;
  if (!(*instance)->out_of_order) return true;
  return throw_sentence(env, "wasm3: the module cannot be used any more since the interpreter ran out of memory");
}

static bool get_function(napi_env env, struct instance *instance, napi_value id, IM3Function *function) {
  uint32_t index;
  if (!get_number(env, id, &index)) return false;
  *function = Module_GetFunction(instance->module, index);
  if (*function != NULL && (*function)->compiled != NULL) return true;
  return throw_sentence(env, "wasm3: the addon was called with the id of a function that was not found before");
}

// --- tasks whose failure is a JavaScript exception ---------------------------------------------------------------

// wasm3's verdict, what it noted about it, and the place: "wasm3: [trap] stack overflow in run".
static bool throw_verdict(napi_env env, struct task *task, const char *place, const char *name) {
  char sentence[512 + MAX_NAME_BYTES];
  M3ErrorInfo note = {0};
  if (!task->instance->out_of_order) m3_GetErrorInfo(task->instance->runtime, &note);
  bool noted = note.result == task->result && note.message != NULL && note.message[0] != 0;
  snprintf(sentence, sizeof sentence, "wasm3: %s%s%s %s%s", task->result, noted ? ": " : "",
           noted ? note.message : "", place, name);
  return throw_coded(env, task->result == m3Err_trapStackOverflow ? "WASM3_STACK_OVERFLOW" : NULL, sentence);
}

// True when the task succeeded, else an exception is pending.
static bool run_or_throw(napi_env env, struct task *task, size_t *high_water_mark, const char *place,
                         const char *name) {
  if (!run_task(task, high_water_mark)) {
    return throw_sentence(env, "wasm3: the system gave no thread for the interpreter");
  }
  return task->result == NULL || throw_verdict(env, task, place, name);
}

// --- functions exported to JavaScript ----------------------------------------------------------------------------

static bool copy_wasm(napi_env env, struct instance *instance, const void *bytes, size_t size) {
  if (size > UINT32_MAX) return throw_sentence(env, "wasm3: the module is larger than 4 GiB");
  instance->wasm = malloc(size == 0 ? 1 : size);
  if (instance->wasm == NULL) return throw_sentence(env, "wasm3: no memory left for the module's bytes");
  memcpy(instance->wasm, bytes, size);
  instance->wasm_bytes = (uint32_t)size;
  return true;
}

// What devices do with a model: the same check before wasm3 sees the module, and the same limit to its loops.
static bool treat_as_model(napi_env env, struct load_task *load, bool is_model) {
  struct instance *instance = load->base.instance;
  instance->step_limit = is_model ? PE_MAX_STEPS(load->memory_limit) : UINT32_MAX;
  pe_module_facts_t facts;
  const char *refusal =
      is_model ? pe_validate(instance->wasm, instance->wasm_bytes, load->memory_limit, &facts) : NULL;
  if (refusal == NULL) return true;
  char sentence[256];
  snprintf(sentence, sizeof sentence, "wasm3: devices refuse it: %s", refusal);
  return throw_sentence(env, sentence);
}

static bool open_instance(napi_env env, struct load_task *load, uint32_t heap_limit) {
  struct instance *instance = load->base.instance;
  if (!heap_open(&instance->heap, heap_limit)) {
    return throw_sentence(env, "wasm3: the system gave no memory for the interpreter's heap");
  }
  if (!stack_open(&instance->stack, instance->wasm_bytes * NATIVE_STACK_PER_WASM_BYTE)) {
    return throw_sentence(env, "wasm3: the system gave no thread or memory for the interpreter's native stack");
  }
  if (!run_or_throw(env, &load->base, &instance->native_load_bytes, "while loading the module", "")) return false;
  if (instance->module->startFunction < 0) return true;
  struct task start = {.body = start_body, .instance = instance};
  return run_or_throw(env, &start, &instance->native_run_bytes, "in the module's start function", "");
}

static napi_value load(napi_env env, napi_callback_info info) {
  napi_value values[6], handle = NULL;
  void *bytes;
  size_t size;
  uint32_t heap_limit;
  bool is_model;
  struct load_task task = {.base.body = load_body};
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) {
    throw_sentence(env, "wasm3: no memory left");
    return NULL;
  }
  task.base.instance = instance;
  instance->open = get_arguments(env, info, 6, values) &&
                   get_array(env, values[0], napi_uint8_array, &bytes, &size) &&
                   get_number(env, values[1], &instance->stack_bytes) &&
                   get_number(env, values[2], &task.memory_limit) && get_number(env, values[3], &heap_limit) &&
                   get_bool(env, values[4], &task.compile_all) && get_bool(env, values[5], &is_model) &&
                   copy_wasm(env, instance, bytes, size) && treat_as_model(env, &task, is_model) &&
                   open_instance(env, &task, heap_limit);
  if (!instance->open) {
    close_instance(instance);
    free(instance);
    return NULL;
  }
  if (napi_create_object(env, &handle) != napi_ok ||
      napi_wrap(env, handle, instance, finalize_instance, NULL, NULL) != napi_ok) {
    close_instance(instance);
    free(instance);
    throw_sentence(env, "wasm3: the module handle could not be created");
    return NULL;
  }
  napi_type_tag_object(env, handle, &handle_tag);
  report_memory(env, instance, (int64_t)(instance->wasm_bytes + (size_t)(instance->heap.top - instance->heap.base)));
  return handle;
}

static void write_types(char *text, IM3FuncType type, uint32_t first, uint32_t count) {
  // The letters that wasm3 uses for its own signatures.
  static const char letters[] = {'_', 'i', 'I', 'f', 'F'};
  for (uint32_t i = 0; i < count; i++) text[i] = letters[type->types[first + i] % sizeof letters];
}

static napi_value describe(napi_env env, struct instance *instance, IM3Function function) {
  napi_value description = NULL;
  char letters[MAX_SIGNATURE];
  IM3FuncType type = function->funcType;
  if (napi_create_object(env, &description) != napi_ok) return NULL;
  set_number(env, description, "id", (double)(function - instance->module->functions));
  write_types(letters, type, type->numRets, type->numArgs);
  set_string(env, description, "parameters", letters, type->numArgs);
  write_types(letters, type, 0, type->numRets);
  set_string(env, description, "results", letters, type->numRets);
  return description;
}

static napi_value find(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct instance *instance;
  char name[MAX_NAME_BYTES + 1];
  size_t length = 0;
  if (!get_arguments(env, info, 2, values) || !get_usable_instance(env, values[0], &instance)) return NULL;
  if (napi_get_value_string_utf8(env, values[1], name, sizeof name, &length) != napi_ok || length == MAX_NAME_BYTES) {
    throw_sentence(env, "wasm3: the function name is not a string of less than 1024 bytes");
    return NULL;
  }
  struct find_task task = {.base = {.body = find_body, .instance = instance}, .name = name};
  if (!run_or_throw(env, &task.base, &instance->native_load_bytes, "while compiling ", name)) return NULL;
  return describe(env, instance, task.function);
}

// wasm3 writes arguments and results to its stack without a check of its own.
static bool signature_fits_stack(napi_env env, struct instance *instance, IM3Function function) {
  size_t slots = (size_t)function->funcType->numArgs + function->funcType->numRets;
  if (slots * sizeof(uint64_t) <= instance->stack_bytes) return true;
  return throw_sentence(env, "wasm3: the arguments do not fit on the interpreter's stack");
}

static napi_value call(napi_env env, napi_callback_info info) {
  napi_value values[3];
  struct instance *instance;
  void *slots;
  size_t slot_count;
  const void *arguments[MAX_SIGNATURE];
  struct call_task task = {.base.body = call_body};
  if (!get_arguments(env, info, 3, values) || !get_usable_instance(env, values[0], &instance) ||
      !get_function(env, instance, values[1], &task.function) ||
      !get_array(env, values[2], napi_bigint64_array, &slots, &slot_count)) {
    return NULL;
  }
  task.base.instance = instance;
  task.argument_count = task.function->funcType->numArgs;
  if (slot_count < 1 || slot_count < task.argument_count) {
    throw_sentence(env, "wasm3: too few slots for the arguments and the result");
    return NULL;
  }
  if (!signature_fits_stack(env, instance, task.function)) return NULL;
  for (uint32_t i = 0; i < task.argument_count; i++) arguments[i] = (int64_t *)slots + i;
  task.arguments = arguments;
  task.value = slots;
  run_or_throw(env, &task.base, &instance->native_run_bytes, "in ", m3_GetFunctionName(task.function));
  return NULL;
}

static bool prepare_batch(napi_env env, napi_callback_info info, struct batch_task *task) {
  napi_value values[7];
  void *inputs, *outputs, *statuses;
  size_t input_count, output_count, points;
  if (!get_arguments(env, info, 7, values) || !get_usable_instance(env, values[0], &task->call.base.instance) ||
      !get_function(env, task->call.base.instance, values[1], &task->call.function) ||
      !get_number(env, values[2], &task->input_address) ||
      !get_array(env, values[3], napi_int32_array, &inputs, &input_count) ||
      !get_number(env, values[4], &task->output_address) ||
      !get_array(env, values[5], napi_int32_array, &outputs, &output_count) ||
      !get_array(env, values[6], napi_int32_array, &statuses, &points)) {
    return false;
  }
  IM3FuncType type = task->call.function->funcType;
  if (type->numArgs != 0 || type->numRets != 1 || type->types[0] != c_m3Type_i32) {
    return throw_sentence(env, "wasm3: a batch needs a function without arguments that returns an i32");
  }
  if (points > INT32_MAX || (points != 0 && (input_count % points != 0 || output_count % points != 0)) ||
      (points != 0 && (input_count / points > INT32_MAX / 4 || output_count / points > INT32_MAX / 4))) {
    return throw_sentence(env, "wasm3: the batch's inputs, outputs and statuses do not fit together");
  }
  task->points = (uint32_t)points;
  task->input_bytes = points == 0 ? 0 : (uint32_t)(input_count / points * 4);
  task->output_bytes = points == 0 ? 0 : (uint32_t)(output_count / points * 4);
  task->inputs = inputs;
  task->outputs = outputs;
  task->statuses = statuses;
  return signature_fits_stack(env, task->call.base.instance, task->call.function);
}

static napi_value run_batch_of_points(napi_env env, napi_callback_info info) {
  struct batch_task batch = {.call.base.body = batch_body};
  struct task *task = &batch.call.base;
  int64_t value;
  batch.call.value = &value;
  if (!prepare_batch(env, info, &batch)) return NULL;
  if (!run_task(task, &task->instance->native_run_bytes)) {
    throw_sentence(env, "wasm3: the system gave no thread for the interpreter");
  } else if (task->result != NULL) {
    char place[64];
    snprintf(place, sizeof place, "at point %u of %u in ", batch.failed_point, batch.points);
    throw_verdict(env, task, place, m3_GetFunctionName(batch.call.function));
  }
  return NULL;
}

static bool get_linear_copy(napi_env env, napi_callback_info info, unsigned char **memory, void **bytes, size_t *size) {
  napi_value values[3];
  struct instance *instance;
  uint32_t address;
  if (!get_arguments(env, info, 3, values) || !get_usable_instance(env, values[0], &instance) ||
      !get_number(env, values[1], &address) || !get_array(env, values[2], napi_uint8_array, bytes, size)) {
    return false;
  }
  if (linear_range(instance, address, *size, memory)) return true;
  char sentence[160];
  snprintf(sentence, sizeof sentence, "wasm3: bytes %u to %.0f lie outside the %.0f bytes of linear memory", address,
           (double)address + (double)*size, (double)instance->runtime->memory.mallocated->length);
  return throw_sentence(env, sentence);
}

static napi_value read_memory(napi_env env, napi_callback_info info) {
  unsigned char *memory;
  void *target;
  size_t size;
  if (get_linear_copy(env, info, &memory, &target, &size) && size != 0) memcpy(target, memory, size);
  return NULL;
}

static napi_value write_memory(napi_env env, napi_callback_info info) {
  unsigned char *memory;
  void *source;
  size_t size;
  if (get_linear_copy(env, info, &memory, &source, &size) && size != 0) memcpy(memory, source, size);
  return NULL;
}

static napi_value usage(napi_env env, napi_callback_info info) {
  napi_value values[1], object = NULL;
  struct instance *instance;
  if (!get_arguments(env, info, 1, values) || !get_usable_instance(env, values[0], &instance)) return NULL;
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  const struct code_pages pages = count_code_pages(instance);
  // The header before linear memory is the interpreter's.
  const struct heap_count *linear = &instance->heap.linear;
  const struct heap_count *interpreter = &instance->heap.interpreter;
  size_t header = linear->live == 0 ? 0 : sizeof(M3MemoryHeader);
  set_number(env, object, "linearMemoryBytes", (double)(linear->live - header));
  set_number(env, object, "peakLinearMemoryBytes", (double)(linear->peak - header));
  set_number(env, object, "heapBytes", (double)(interpreter->live + header));
  set_number(env, object, "peakHeapBytes", (double)(interpreter->peak + header));
  set_number(env, object, "codePageBytes", (double)pages.bytes);
  set_number(env, object, "codeWords", (double)pages.words);
  set_number(env, object, "nativeStackLoadBytes", (double)instance->native_load_bytes);
  set_number(env, object, "nativeStackRunBytes", (double)instance->native_run_bytes);
  return object;
}

static napi_value dispose(napi_env env, napi_callback_info info) {
  napi_value values[1], leaked = NULL;
  struct instance *instance;
  if (!get_arguments(env, info, 1, values) || !get_instance(env, values[0], &instance)) return NULL;
  napi_create_double(env, (double)close_instance(instance), &leaked);
  report_memory(env, instance, 0);
  return leaked;
}

static void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok) {
    napi_set_named_property(env, exports, name, function);
  }
}

NAPI_MODULE_INIT() {
  set_string(env, exports, "version", M3_VERSION, sizeof M3_VERSION - 1);
  export_function(env, exports, "load", load);
  export_function(env, exports, "find", find);
  export_function(env, exports, "call", call);
  export_function(env, exports, "runBatch", run_batch_of_points);
  export_function(env, exports, "read", read_memory);
  export_function(env, exports, "write", write_memory);
  export_function(env, exports, "usage", usage);
  export_function(env, exports, "dispose", dispose);
  export_function(env, exports, "runTable", run_table);
  export_function(env, exports, "runFit", run_fit);
  return exports;
}
