// Model images: a model with everything that pe_open wants to know about it, in one piece of bytes that can be sent to a
// device and kept in its flash. The layout is in pe_image.gen.h's source, compiler/deliver/image/image-format.ts, and docs/updates.md.
//
//     pe_image_t image;
//     pe_input_spec_t inputs[4];
//     pe_output_spec_t outputs[2];
//     pe_model_t model;
//     static const pe_engine_t *const engines[] = {&pe_module_engine, &pe_table_engine, NULL};
//     const pe_image_policy_t policy = {TARGET_CLASS, engines, ...};
//     if (pe_image_check(&image, flash, flash_bytes, &policy) == PE_UPDATE_OK) {
//       pe_image_model(&image, inputs, outputs, &model);
//       pe_open(&pe, &model, arena, sizeof arena);
//     }
//
// Nothing is copied but the specs of inputs and outputs: names, golden vectors and the payload are pointers into the
// image, which must stay where it is, unchanged, for as long as the model is used. Any bytes may be given: what passes
// pe_image_check has every offset and length inside the image.
//
// No heap, no global variables. Little-endian machines only, like all targets.
#ifndef PE_IMAGE_H
#define PE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "pe_image.gen.h"
#include "pinn_edge.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the firmware takes. Engines that are not in the list need not be in the program.
typedef struct {
  uint32_t target_class;              // CRC-32 of the target's name; PINN_MODEL_TARGET_CLASS in pinn_model.h
  const pe_engine_t *const *engines;  // what it can run, of each kind at most one; a null pointer ends the list
  uint32_t memory_bytes;              // of the arena for pe_open; 0: not limited here
  uint16_t input_capacity;            // lengths of the arrays given to pe_image_model
  uint16_t output_capacity;
  const uint8_t *key;  // Ed25519 public key of 32 bytes: unsigned images are refused. Null: signatures are not looked at
} pe_image_policy_t;

// A checked image: the header's numbers, and pointers into the image.
typedef struct {
  const uint8_t *bytes;
  uint32_t total_bytes;
  uint32_t crc;  // CRC-32 of all bytes after it, the signature and the digest included: names this very image
  uint32_t version;
  uint32_t identity;
  uint32_t memory_bytes;
  uint32_t stack_bytes;
  uint32_t heap_bytes;
  uint32_t payload_bytes;
  uint16_t input_count;
  uint16_t output_count;
  uint16_t golden_count;
  const pe_engine_t *engine;  // the policy's for this payload
  const char *name;
  const char *strings;
  const uint8_t *inputs;   // entries of PE_IMAGE_INPUT_BYTES
  const uint8_t *outputs;  // entries of PE_IMAGE_OUTPUT_BYTES
  const uint8_t *golden;   // input words of all points, then output words
  const uint8_t *payload;
} pe_image_t;

// Checks the image at `bytes`, which must be aligned to 8 bytes; `available` bytes may be read there, more than the
// image has (a slot) or fewer (refused).
//
// Returns PE_UPDATE_OK and fills `image`, or why it is refused: SIZE, MAGIC, VERSION, CRC, UNSIGNED, SIGNATURE, KIND,
// TARGET, LAYOUT, CAPACITY, MEMORY, STRINGS or VALUE.
pe_update_result_t pe_image_check(pe_image_t *image, const uint8_t *bytes, uint32_t available,
                                  const pe_image_policy_t *policy);

// Checks as much of an image as its first PE_IMAGE_HEADER_BYTES bytes say, at any address: whether it can be one, who has
// signed it, and whether the firmware can run it. Of `image` only the numbers and the engine are set.
//
// Returns PE_UPDATE_OK, or SIZE, MAGIC, VERSION, UNSIGNED, SIGNATURE, KIND, TARGET, LAYOUT, VALUE, CAPACITY or MEMORY.
pe_update_result_t pe_image_check_header(pe_image_t *image, const uint8_t *header, const pe_image_policy_t *policy);

// Describes the model of a checked image for pe_open. `inputs` and `outputs` have the policy's
// capacities and belong to the model from now on.
void pe_image_model(const pe_image_t *image, pe_input_spec_t *inputs, pe_output_spec_t *outputs, pe_model_t *model);

// A sentence for a result; never null. The text is constant.
const char *pe_update_text(pe_update_result_t result);

// Little-endian numbers at any address, on machines that are little-endian themselves.
static inline uint32_t pe_load_u32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline void pe_store_u32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }

#ifdef __cplusplus
}
#endif

#endif
