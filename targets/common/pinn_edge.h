// pinn_edge: evaluates a physics-informed neural network that pinn-edge compiled: a WebAssembly module under wasm3,
// or a block table with kernels in C.
//
//     #include "pinn_model.h"  // written by `pinn-edge build`; defines pinn_model
//
//     static pe_t pe;
//     static uint8_t arena[PINN_MODEL_ARENA_BYTES];
//     double inputs[PINN_MODEL_INPUT_COUNT] = {0.5, 0.25};              // in the model's units
//     double outputs[PINN_MODEL_OUTPUT_COUNT];
//     if (pe_open(&pe, &pinn_model, arena, sizeof arena) != PE_OK) ...  // pe_text(result) says why
//     if (pe_eval(&pe, inputs, outputs) < 0) ...                        // PE_CLAMPED (> 0): an input was outside its range
//     pe_close(&pe);
//
// Engines. A firmware contains the engines that it names, in the descriptors of its models or for model images
// (pe_image_policy_t): pe_module_engine (wasm3), pe_native_engine (wasm3, with kernels in C), pe_table_engine (kernels in C
// without wasm3, whose files and those that include it may then be left out). Files of engines that are not named cost no
// flash where the linker leaves out what is not used.
//
// Memory. Nothing comes from the heap, not even wasm3's memory: what is kept lies in pe_t and in the arena, which both
// belong to the caller. The arena holds the model's linear memory, wasm3's stack and structures, and the translated code,
// or of a block table only its values; pe_open fills it and an evaluation takes no more. How much a model needs is known when it is built
// (PINN_MODEL_ARENA_BYTES; pe_arena_used says what it really was); with less pe_open returns PE_ERROR_MEMORY.
//
// Native stack. Compiled without tail calls (pe_tail_calls.h: Xtensa and ARMv6-M always are), wasm3 nests one native call per executed
// operation until the next loop iteration or return. The build report says what the model needs at most.
//
// Threads. A pe_t may be used by one thread at a time, and pe_open by one thread at a time altogether; otherwise
// different ones are independent of each other. No function may be called from an interrupt handler.
//
// wasm3. pe_wasm3.c compiles wasm3's source files, which must be where the compiler finds headers; pe_wasm3.h has the
// settings. Only it and pe_module.c include wasm3's headers.
#ifndef PINN_EDGE_H
#define PINN_EDGE_H

#include <stddef.h>
#include <stdint.h>

#include "pe_native.h"

#ifdef __cplusplus
extern "C" {
#endif

// How often the loops of a module may go round in one evaluation, which ends with PE_ERROR_TRAP then; between two rounds
// at most PE_MODULE_MAX_WORK operations run. Models go round once for every four bytes of their memory, and in the first
// evaluation, which checks the block table, five times as often.
#ifndef PE_MAX_STEPS
#define PE_MAX_STEPS(memory_bytes) (65536u + 32u * (memory_bytes))
#endif

// What every function returns: 0 for success, above 0 for success with a remark, below 0 for failure.
typedef enum {
  PE_OK = 0,
  // An input was outside its range and was moved to the nearest end of it; the outputs are those of the moved input.
  PE_CLAMPED = 1,
  // An output is beyond its limit (pe_set_limits); an input may have been moved as well.
  PE_SUSPECT = 2,
  // A null pointer, or a descriptor that cannot be one of pinn-edge's.
  PE_ERROR_ARGUMENT = -1,
  // The instance is not open: never opened, closed again, or pe_open failed.
  PE_ERROR_CLOSED = -2,
  // The bytes of the module or block table differ from those that were built (length and CRC-32).
  PE_ERROR_CORRUPT = -3,
  // The arena is too small.
  PE_ERROR_MEMORY = -4,
  // wasm3 cannot load or translate the module; pe_detail gives its reason.
  PE_ERROR_MODULE = -5,
  // The module lacks an export of a pinn-edge model, or input or output words lie outside its memory.
  PE_ERROR_EXPORT = -6,
  // The module or block table holds another model than the descriptor says.
  PE_ERROR_IDENTITY = -7,
  // The block table was refused; failed_check says at which check (PE_CHECK_... in pe_format.gen.h), or pe_detail why.
  PE_ERROR_TABLE = -8,
  // The module stopped while it ran; pe_detail gives wasm3's reason.
  PE_ERROR_TRAP = -9,
  // An input is not a number.
  PE_ERROR_NAN = -10,
  // The outputs for a golden vector are not those recorded when the model was built.
  PE_ERROR_GOLDEN = -11,
  // The descriptor names no engine: the firmware was built without one for this kind of model.
  PE_ERROR_ENGINE = -12,
  // The module could take more native stack than there is (PE_NATIVE_STACK_BYTES in pe_validate.h).
  PE_ERROR_STACK = -13
} pe_result_t;

struct pe;

// What evaluates models of one kind; one of those below. Its functions are the library's own.
typedef struct {
  uint8_t kind;                                                    // PE_PAYLOAD_... in pe_image.gen.h: what it evaluates
  pe_result_t (*open)(struct pe *pe, void *arena, size_t bytes);  // sets input_words, output_words and arena_used
  pe_result_t (*run)(struct pe *pe);                              // from the input words to the output words
} pe_engine_t;

// Modules that bring their kernels along, under wasm3 (pe_module.c).
extern const pe_engine_t pe_module_engine;
// The same, and modules that import the kernels (`--engine wasm3+native`; pe_native_engine.c).
extern const pe_engine_t pe_native_engine;
// Block tables (`--engine c`), without wasm3 (pe_table_engine.c).
extern const pe_engine_t pe_table_engine;

// An input of a model. word = floor(value * 2^exponent + 1/2), held to int32 and then to [min, max].
typedef struct {
  const char *name;
  const char *unit;  // "" when none is given
  double min;        // range, in the unit
  double max;
  int16_t exponent;
} pe_input_spec_t;

// An output of a model. value = word * 2^-exponent * scale + offset, in this order, each rounded to double.
typedef struct {
  const char *name;
  const char *unit;  // "" when none is given
  int16_t exponent;
  double scale;
  double offset;
} pe_output_spec_t;

// Arena that a model needs: linear memory, what wasm3 takes besides on a machine with pointers of 4 bytes (with longer
// ones at most so many times more), and what makes the arena's address a multiple of 8.
#define PE_ARENA_BYTES(memory_bytes, heap_bytes) ((memory_bytes) + (heap_bytes) * (sizeof(void *) / 4) + 8)

// What the mark that a stack bears may understate (uxTaskGetStackHighWaterMark): on Xtensa with register windows the
// deepest frames may never leave the registers; 32 to 208 bytes were measured on the ESP32's core.
#if defined(__XTENSA_WINDOWED_ABI__)
#define PE_UNMARKED_STACK_BYTES 208u
#else
#define PE_UNMARKED_STACK_BYTES 0u
#endif

// A model: everything that is known when it is built. pinn_model.h defines one; all of it may lie in flash.
typedef struct {
  const char *name;
  const pe_engine_t *engine;  // what evaluates the payload
  const uint8_t *payload;     // the module, or the block table (on a 4-byte boundary); must stay where it is until pe_close
  uint32_t payload_bytes;
  uint32_t payload_crc;   // CRC-32 (IEEE 802.3) of these bytes; not looked at for block tables, which have their own
  uint32_t identity;      // CRC-32 of the block table
  uint32_t memory_bytes;  // linear memory that the module needs, exactly; or the arena of the block table
  uint32_t stack_bytes;   // wasm3's stack for values; 0 for block tables
  uint32_t arena_bytes;   // of memory that pe_open needs at most, linear memory and that stack included
  uint16_t input_count;
  uint16_t output_count;
  const pe_input_spec_t *inputs;
  const pe_output_spec_t *outputs;
  uint16_t golden_count;           // points with known answers, for pe_self_test; may be 0
  const int32_t *golden_inputs;    // golden_count rows of input_count words
  const int32_t *golden_outputs;   // golden_count rows of output_count words
} pe_model_t;

// When pe_hook_t is called.
typedef enum { PE_EVENT_START, PE_EVENT_END } pe_event_t;

// Called before the module starts to work on an evaluation and after it ended, to take the time of it or to set a pin.
typedef void (*pe_hook_t)(void *context, pe_event_t event);

struct M3Runtime;
struct M3Function;

// An open model. The members are the library's own, to be read at most.
typedef struct pe {
  const pe_model_t *model;
  pe_hook_t hook;
  void *hook_context;
  uint8_t *input_words;   // in the arena, little-endian
  uint8_t *output_words;
  uint32_t arena_used;
  uint32_t failed_check;  // after PE_ERROR_TABLE: which check of the block table failed, 0 when none did
  const char *detail;     // see pe_detail
  const double *limits;   // see pe_set_limits
  // Of modules:
  struct M3Runtime *runtime;
  struct M3Function *run;
  uint32_t steps_left;  // of the loops in this evaluation
  pe_native_t native;   // see pe_native.h
} pe_t;

// Opens a model. A module is compared with its CRC-32 and validated, loaded with exactly memory_bytes of linear memory and
// translated, its identity is compared, and it is evaluated once, by which it checks its block table. A block table is
// checked (pe_table.h), and compared with the descriptor's identity, numbers of inputs and outputs, and their exponents.
//
// `pe` need not be initialised, and must not be open. `model` must stay valid until pe_close, and so must the `bytes`
// bytes of `arena`, at any address, which are the library's until then. model->arena_bytes of them are enough.
// Returns PE_OK or one of the errors. After an error evaluations return PE_ERROR_CLOSED, the arena is the caller's
// again, and pe_close may be called but need not be.
pe_result_t pe_open(pe_t *pe, const pe_model_t *model, void *arena, size_t bytes);

// Evaluates input_count words to output_count words; the formats are those of the model's inputs and outputs. These
// integers are the same on every device and on the host, bit for bit. `inputs` and `outputs` may overlap.
//
// Returns PE_OK, PE_CLAMPED or an error. After an error `outputs` is unchanged and the instance can still be used.
pe_result_t pe_run_words(pe_t *pe, const int32_t *inputs, int32_t *outputs);

// Evaluates input_count values to output_count values, both in the model's units. Values beyond int32 count as
// clamped, infinities included. `inputs` and `outputs` may overlap.
//
// Returns PE_OK, PE_CLAMPED, PE_SUSPECT or an error; PE_ERROR_NAN for an input that is not a number. After an error `outputs` is
// unchanged.
pe_result_t pe_eval(pe_t *pe, const double *inputs, double *outputs);

// Holds every output of an open model to a limit: pe_eval and pe_eval_float return PE_SUSPECT from now on when some output k
// is above limits[k] or below -limits[k], in its unit; its value is given all the same. INFINITY is no limit. A null pointer ends it,
// and so does pe_close. `limits` are output_count values that must stay where they are until then.
//
// PINN_MODEL_LIMITS in pinn_model.h has the largest magnitudes that the build has seen over the input box and 2 % more, so
// that an answer that differs from all that was verified is noticed; with the residual of the model's equation among the
// outputs, a lower limit of it marks the answers that the equation itself casts doubt on. It takes a comparison of two
// doubles per output and side. pe_run_words looks at no limit.
void pe_set_limits(pe_t *pe, const double *limits);

// The same for float. The arithmetic is that of pe_eval; the values are rounded to float in the end.
pe_result_t pe_eval_float(pe_t *pe, const float *inputs, float *outputs);

// Evaluates the model's golden vectors. Returns PE_OK when every output word is as recorded, PE_ERROR_GOLDEN when one
// is not, or the error of an evaluation.
pe_result_t pe_self_test(pe_t *pe);

// Gives the arena back to the caller. Closing what is closed does nothing, and so does a null pointer.
void pe_close(pe_t *pe);

// The open model's descriptor, with its name, identity, and the names, units, ranges, scales and formats of its inputs
// and outputs; null when nothing is open.
const pe_model_t *pe_model(const pe_t *pe);

// The place of an input or an output by its name, from 0; PE_ERROR_ARGUMENT when the model has none of that name.
int pe_find_input(const pe_model_t *model, const char *name);
int pe_find_output(const pe_model_t *model, const char *name);

// Bytes of the arena that the open model took, 0 when nothing is open. It is the same for every run of the same firmware.
uint32_t pe_arena_used(const pe_t *pe);

// Has `hook` called around every evaluation of an open model from now on; a null hook ends that. `context` is passed to
// it. Does nothing for a null pointer.
void pe_set_hook(pe_t *pe, pe_hook_t hook, void *context);

// A sentence for a result; never null. The text is constant.
const char *pe_text(pe_result_t result);

// The engine's own words, wasm3's for modules, on the last PE_ERROR_MEMORY, PE_ERROR_MODULE, PE_ERROR_EXPORT,
// PE_ERROR_TABLE or PE_ERROR_TRAP of this instance, failed pe_open included; "" when there is none. The text is constant.
const char *pe_detail(const pe_t *pe);

#ifdef __cplusplus
}
#endif

#endif
