// Models that are block tables, the whole way without wasm3: any bytes as an image that carries a table, with all
// CRC-32s and the identity corrected, opened in an arena of exactly the table's size, and evaluated.
//
//     0 options: 1 an arena of one byte less, 2 an arena at an odd address | 1 input words (8 bytes, repeated) | 9 image
#include "pe_format.gen.h"
#include "pe_image.h"

#include "fuzz.h"

#define COUNT 32u
#define MEMORY_BYTES (1u << 17)
#define HEAD_BYTES 9u

static const pe_engine_t *const engines[] = {&pe_table_engine, NULL};

typedef struct {
  const uint8_t *data;
  pe_model_t model;
  pe_input_spec_t inputs[COUNT];
  pe_output_spec_t outputs[COUNT];
} case_t;

// Corrects what the table says of itself and the image of the table, where the image says that the table is.
static void fix_table(uint8_t *image, uint32_t bytes, const pe_image_policy_t *policy) {
  pe_image_t checked;
  fuzz_fix_image(image, bytes);
  if (pe_image_check(&checked, image, bytes, policy) != PE_UPDATE_OK || checked.payload_bytes < PE_HEADER_BYTES) return;
  uint8_t *table = image + (checked.payload - image);
  const uint32_t crc = fuzz_crc32(table + PE_HEADER_CRC + 4u, checked.payload_bytes - PE_HEADER_CRC - 4u);
  fuzz_put_u32(table + PE_HEADER_TOTAL_BYTES, checked.payload_bytes);
  fuzz_put_u32(table + PE_HEADER_CRC, crc);
  fuzz_put_u32(image + PE_IMAGE_HEADER_IDENTITY, crc);
  fuzz_fix_image(image, bytes);
}

// Opens the model in a block of `bytes` bytes from `offset` on, evaluates it and adds all that came out to `answers`.
static pe_result_t use(const case_t *input, uint32_t offset, uint32_t bytes, int32_t *answers) {
  pe_t pe;
  int32_t words[COUNT];
  double values[COUNT];
  uint8_t *block = (uint8_t *)malloc(offset + bytes + 1u);
  if (block == NULL) abort();
  // As RAM is after a reset; the byte in front of the arena and the one behind it must stay.
  memset(block, (int)input->data[0], offset + bytes + 1u);
  const pe_result_t opened = pe_open(&pe, &input->model, block + offset, bytes);
  MUST(pe_text(opened)[0] != '\0' && pe_detail(&pe) != NULL);
  if (opened == PE_OK) {
    MUST(pe_arena_used(&pe) > 0u && pe_arena_used(&pe) <= bytes);
    for (uint32_t i = 0; i < COUNT; i++) words[i] = (int32_t)fuzz_u32(input->data + 1u + 4u * (i & 1u));
    MUST(pe_run_words(&pe, words, answers) >= 0);
    for (uint32_t i = 0; i < COUNT; i++) values[i] = i == 1u ? 1e300 : 0.25 * (double)words[i];
    MUST(pe_eval(&pe, values, values) >= 0);
    const pe_result_t tested = pe_self_test(&pe);
    MUST(tested == PE_OK || tested == PE_ERROR_GOLDEN);
    pe_close(&pe);
  }
  for (uint32_t i = 0; i < offset; i++) MUST(block[i] == input->data[0]);
  MUST(block[offset + bytes] == input->data[0]);
  free(block);
  return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEAD_BYTES) return 0;
  const uint32_t bytes = (uint32_t)size - HEAD_BYTES;
  uint8_t *image = (uint8_t *)malloc(bytes > 0u ? bytes : 1u);
  if (image == NULL) abort();
  memcpy(image, data + HEAD_BYTES, bytes);
  const uint32_t target = bytes >= PE_IMAGE_HEADER_BYTES ? fuzz_u32(image + PE_IMAGE_HEADER_TARGET_CLASS) : 0u;
  const pe_image_policy_t policy = {target, engines, MEMORY_BYTES, COUNT, COUNT, NULL};
  fix_table(image, bytes, &policy);
  pe_image_t checked;
  if (pe_image_check(&checked, image, bytes, &policy) == PE_UPDATE_OK) {
    case_t input;
    input.data = data;
    pe_image_model(&checked, input.inputs, input.outputs, &input.model);
    const uint32_t asked = checked.payload_bytes >= PE_HEADER_BYTES ? fuzz_u32(checked.payload + PE_HEADER_ARENA_BYTES) : 0u;
    const uint32_t needed = asked <= checked.memory_bytes ? asked : checked.memory_bytes;
    const uint32_t offset = (data[0] & 2u) != 0u ? 5u : 0u;
    // At an odd address the first bytes cannot be used.
    const uint32_t room = needed + (offset == 0u ? 0u : 8u - offset) - ((data[0] & 1u) != 0u && needed > 0u ? 1u : 0u);
    int32_t first[COUNT] = {0}, second[COUNT] = {0};
    const uint32_t before = fuzz_crc32(image, bytes);
    const pe_result_t opened = use(&input, offset, room, first);
    MUST(opened != PE_OK || (data[0] & 1u) == 0u);
    // The same integers anywhere else, and in memory that held something else.
    MUST(use(&input, 16u, MEMORY_BYTES, second) == opened || opened == PE_ERROR_MEMORY);
    if (opened == PE_OK) MUST(memcmp(first, second, sizeof first) == 0);
    MUST(fuzz_crc32(image, bytes) == before);
  }
  free(image);
  return 0;
}
