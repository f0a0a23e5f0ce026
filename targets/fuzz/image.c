// The image opener: any bytes as a model image with a right CRC-32, and what it says opened as a model.
//
//     0 options: 1 with a key, 2 fewer bytes may be read than there are | 1 image
#include "pe_image.h"

#include "fuzz.h"

#define COUNT 4u
#define ARENA_BYTES (1u << 17)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t key[PE_PUBLIC_KEY_BYTES] = FUZZ_PUBLIC_KEY;
  static const pe_engine_t *const engines[] = {&pe_module_engine, &pe_table_engine, NULL};
  static uint8_t arena[ARENA_BYTES];
  if (size < 1u) return 0;
  const uint32_t options = data[0];
  const uint32_t bytes = (uint32_t)(size - 1u);
  uint8_t *image_bytes = (uint8_t *)malloc(bytes > 0u ? bytes : 1u);
  if (image_bytes == NULL) abort();
  memcpy(image_bytes, data + 1, bytes);
  fuzz_fix_image(image_bytes, bytes);
  const uint32_t target = bytes >= PE_IMAGE_HEADER_BYTES ? fuzz_u32(image_bytes + PE_IMAGE_HEADER_TARGET_CLASS) : 0u;
  const pe_image_policy_t policy = {target, engines, ARENA_BYTES, COUNT, COUNT, (options & 1u) != 0u ? key : NULL};
  pe_image_t image;
  const uint32_t available = (options & 2u) != 0u && bytes > 0u ? bytes - 1u : bytes;
  const pe_update_result_t checked = pe_image_check(&image, image_bytes, available, &policy);
  MUST(pe_update_text(checked)[0] != '\0');
  if (checked == PE_UPDATE_OK) {
    pe_input_spec_t inputs[COUNT];
    pe_output_spec_t outputs[COUNT];
    pe_model_t model;
    pe_image_model(&image, inputs, outputs, &model);
    size_t texts = strlen(model.name);
    for (uint32_t i = 0; i < model.input_count; i++) texts += strlen(inputs[i].name) + strlen(inputs[i].unit);
    for (uint32_t i = 0; i < model.output_count; i++) texts += strlen(outputs[i].name) + strlen(outputs[i].unit);
    MUST(texts <= bytes * (1u + 2u * (COUNT + COUNT)));
    pe_t pe;
    if (pe_open(&pe, &model, arena, sizeof arena) == PE_OK) {
      const double values[COUNT] = {0.25, 1e300, -1e-300, 0};
      double answers[COUNT];
      pe_eval(&pe, values, answers);
      pe_self_test(&pe);
      pe_close(&pe);
    }
    fuzz_release_arena();
  }
  free(image_bytes);
  return 0;
}
