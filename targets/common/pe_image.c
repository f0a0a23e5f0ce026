#include "pe_image.h"

#include <stddef.h>
#include <string.h>

#include "pe_crc32.h"
#include "pe_signature.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "golden vectors are used where they lie in the image: little-endian machines only"
#endif

static uint16_t load_u16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static int32_t load_i32(const uint8_t *at) {
  int32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static double load_f64(const uint8_t *at) {
  double value;
  memcpy(&value, at, sizeof value);
  return value;
}

// Neither infinite nor no number: by the bits, as compilers may take every number for finite (-ffast-math).
static bool is_finite(const uint8_t *f64) { return (load_u16(f64 + 6) & 0x7ff0u) != 0x7ff0u; }

static bool is_exponent(const uint8_t *i32) {
  const int32_t limit = (int32_t)PE_IMAGE_LIMIT_MAX_EXPONENT;
  const int32_t exponent = load_i32(i32);
  return exponent >= -limit && exponent <= limit;
}

static uint64_t align(uint64_t bytes) {
  const uint64_t mask = PE_IMAGE_LIMIT_ALIGNMENT - 1u;
  return (bytes + mask) & ~mask;
}

// Whether this can be the header of an image of this format.
static pe_update_result_t check_format(const uint8_t *header) {
  if (pe_load_u32(header + PE_IMAGE_HEADER_MAGIC) != PE_IMAGE_MAGIC) return PE_UPDATE_MAGIC;
  if (load_u16(header + PE_IMAGE_HEADER_FORMAT_VERSION) != PE_IMAGE_FORMAT_VERSION ||
      load_u16(header + PE_IMAGE_HEADER_HEADER_BYTES) != PE_IMAGE_HEADER_BYTES) {
    return PE_UPDATE_VERSION;
  }
  const uint32_t total = pe_load_u32(header + PE_IMAGE_HEADER_TOTAL_BYTES);
  return total >= PE_IMAGE_HEADER_BYTES && align(total) == total ? PE_UPDATE_OK : PE_UPDATE_SIZE;
}

// Whether the whole image is there and undamaged.
static pe_update_result_t check_bytes(const uint8_t *bytes, uint32_t available) {
  if (bytes == NULL || ((uintptr_t)bytes & (PE_IMAGE_LIMIT_ALIGNMENT - 1u)) != 0u) return PE_UPDATE_SIZE;
  if (available < PE_IMAGE_HEADER_BYTES) return PE_UPDATE_SIZE;
  const pe_update_result_t result = check_format(bytes);
  if (result != PE_UPDATE_OK) return result;
  const uint32_t total = pe_load_u32(bytes + PE_IMAGE_HEADER_TOTAL_BYTES);
  if (total > available) return PE_UPDATE_SIZE;
  const uint32_t crc = pe_crc32(bytes + PE_IMAGE_HEADER_SIGNATURE, total - PE_IMAGE_HEADER_SIGNATURE);
  return crc == pe_load_u32(bytes + PE_IMAGE_HEADER_CRC) ? PE_UPDATE_OK : PE_UPDATE_CRC;
}

// Whether the key's owner has signed this header.
static pe_update_result_t check_signature(const uint8_t *header, const uint8_t *key) {
  const uint32_t first = PE_IMAGE_HEADER_FORMAT_VERSION;  // just after the signature
  if (key == NULL) return PE_UPDATE_OK;
  if ((header[PE_IMAGE_HEADER_FLAGS] & PE_IMAGE_FLAG_SIGNED) == 0u) return PE_UPDATE_UNSIGNED;
  return pe_signature_check(header + PE_IMAGE_HEADER_SIGNATURE, key, header + first, PE_IMAGE_HEADER_BYTES - first)
             ? PE_UPDATE_OK
             : PE_UPDATE_SIGNATURE;
}

// Whether the bytes after the header are those that it speaks of.
static bool check_digest(const uint8_t *bytes) {
  uint8_t digest[PE_SHA512_BYTES];
  pe_sha512(digest, bytes + PE_IMAGE_HEADER_BYTES,
            pe_load_u32(bytes + PE_IMAGE_HEADER_TOTAL_BYTES) - PE_IMAGE_HEADER_BYTES);
  return memcmp(digest, bytes + PE_IMAGE_HEADER_DIGEST, PE_DIGEST_BYTES) == 0;
}

static const pe_engine_t *engine_for(const pe_image_policy_t *policy, uint8_t kind) {
  const pe_engine_t *const *engine = policy->engines;
  while (*engine != NULL && (*engine)->kind != kind) engine++;
  return *engine;
}

static void read_header(pe_image_t *image, const uint8_t *bytes) {
  image->total_bytes = pe_load_u32(bytes + PE_IMAGE_HEADER_TOTAL_BYTES);
  image->crc = pe_load_u32(bytes + PE_IMAGE_HEADER_CRC);
  image->version = pe_load_u32(bytes + PE_IMAGE_HEADER_VERSION);
  image->identity = pe_load_u32(bytes + PE_IMAGE_HEADER_IDENTITY);
  image->memory_bytes = pe_load_u32(bytes + PE_IMAGE_HEADER_MEMORY_BYTES);
  image->stack_bytes = pe_load_u32(bytes + PE_IMAGE_HEADER_STACK_BYTES);
  image->heap_bytes = pe_load_u32(bytes + PE_IMAGE_HEADER_HEAP_BYTES);
  image->payload_bytes = pe_load_u32(bytes + PE_IMAGE_HEADER_PAYLOAD_BYTES);
  image->input_count = load_u16(bytes + PE_IMAGE_HEADER_INPUT_COUNT);
  image->output_count = load_u16(bytes + PE_IMAGE_HEADER_OUTPUT_COUNT);
  image->golden_count = load_u16(bytes + PE_IMAGE_HEADER_GOLDEN_COUNT);
}

// Where the sections after the inputs begin, in bytes from the start of the image.
typedef struct {
  uint64_t outputs, golden, strings, payload;
} sections_t;

static sections_t sections_of(const pe_image_t *image, uint32_t strings_bytes) {
  sections_t at;
  at.outputs = PE_IMAGE_HEADER_BYTES + (uint64_t)PE_IMAGE_INPUT_BYTES * image->input_count;
  at.golden = at.outputs + (uint64_t)PE_IMAGE_OUTPUT_BYTES * image->output_count;
  at.strings = at.golden + (uint64_t)image->golden_count * ((uint32_t)image->input_count + image->output_count) * 4u;
  at.payload = align(at.strings + strings_bytes);
  return at;
}

// Places the sections of an image whose header was checked: every offset is at most total_bytes.
static void place_sections(pe_image_t *image, const uint8_t *bytes) {
  const sections_t at = sections_of(image, pe_load_u32(bytes + PE_IMAGE_HEADER_STRINGS_BYTES));
  image->bytes = bytes;
  image->inputs = bytes + PE_IMAGE_HEADER_BYTES;
  image->outputs = bytes + (uint32_t)at.outputs;
  image->golden = bytes + (uint32_t)at.golden;
  image->strings = (const char *)(bytes + (uint32_t)at.strings);
  image->payload = bytes + (uint32_t)at.payload;
}

// Entries of inputs and outputs lie one after the other, and have the same fields at the same places: two numbers, texts
// and an exponent.
typedef char entries_are_alike[PE_IMAGE_INPUT_BYTES == PE_IMAGE_OUTPUT_BYTES && PE_IMAGE_INPUT_MIN == PE_IMAGE_OUTPUT_SCALE &&
                                       PE_IMAGE_INPUT_MAX == PE_IMAGE_OUTPUT_OFFSET &&
                                       PE_IMAGE_INPUT_NAME_OFFSET == PE_IMAGE_OUTPUT_NAME_OFFSET &&
                                       PE_IMAGE_INPUT_UNIT_OFFSET == PE_IMAGE_OUTPUT_UNIT_OFFSET &&
                                       PE_IMAGE_INPUT_EXPONENT == PE_IMAGE_OUTPUT_EXPONENT
                                   ? 1
                                   : -1];

static uint32_t entry_count(const pe_image_t *image) { return (uint32_t)image->input_count + image->output_count; }

// With a zero at the end of the strings, every text that begins inside them ends there.
static bool check_strings(pe_image_t *image) {
  const uint32_t count = pe_load_u32(image->bytes + PE_IMAGE_HEADER_STRINGS_BYTES);
  if (count == 0u || image->strings[count - 1u] != '\0') return false;
  const uint32_t name = load_u16(image->bytes + PE_IMAGE_HEADER_NAME_OFFSET);
  bool inside = name < count;
  image->name = image->strings + name;
  for (uint32_t i = 0; i < entry_count(image); i++) {
    const uint8_t *entry = image->inputs + PE_IMAGE_INPUT_BYTES * i;
    inside = inside && load_u16(entry + PE_IMAGE_INPUT_NAME_OFFSET) < count &&
             load_u16(entry + PE_IMAGE_INPUT_UNIT_OFFSET) < count;
  }
  return inside;
}

// Of the header.
static bool check_numbers(const pe_image_t *image) {
  // wasm3 needs a stack; a block table is its kernels' arena and nothing else.
  const bool is_table = image->engine->kind == PE_PAYLOAD_TABLE;
  return image->memory_bytes != 0u && is_table == (image->stack_bytes == 0u) && image->input_count != 0u &&
         image->output_count != 0u;
}

// Of the inputs and outputs.
static bool check_values(const pe_image_t *image) {
  bool possible = true;
  for (uint32_t i = 0; i < entry_count(image); i++) {
    const uint8_t *entry = image->inputs + PE_IMAGE_INPUT_BYTES * i;
    possible = possible && is_finite(entry + PE_IMAGE_INPUT_MIN) && is_finite(entry + PE_IMAGE_INPUT_MAX) &&
               is_exponent(entry + PE_IMAGE_INPUT_EXPONENT);
    if (i >= image->input_count) continue;
    possible = possible && load_f64(entry + PE_IMAGE_INPUT_MIN) <= load_f64(entry + PE_IMAGE_INPUT_MAX);
  }
  return possible;
}

static pe_update_result_t check_needs(const pe_image_t *image, const pe_image_policy_t *policy) {
  if (image->input_count > policy->input_capacity || image->output_count > policy->output_capacity) {
    return PE_UPDATE_CAPACITY;
  }
  const uint64_t memory = PE_ARENA_BYTES((uint64_t)image->memory_bytes, (uint64_t)image->heap_bytes);
  return policy->memory_bytes == 0u || memory <= policy->memory_bytes ? PE_UPDATE_OK : PE_UPDATE_MEMORY;
}

pe_update_result_t pe_image_check_header(pe_image_t *image, const uint8_t *header, const pe_image_policy_t *policy) {
  memset(image, 0, sizeof *image);
  pe_update_result_t result = check_format(header);
  if (result == PE_UPDATE_OK) result = check_signature(header, policy->key);
  if (result != PE_UPDATE_OK) return result;
  read_header(image, header);
  image->engine = engine_for(policy, header[PE_IMAGE_HEADER_KIND]);
  if (image->engine == NULL) return PE_UPDATE_KIND;
  if (pe_load_u32(header + PE_IMAGE_HEADER_TARGET_CLASS) != policy->target_class) return PE_UPDATE_TARGET;
  // The sections must fill the image exactly.
  const sections_t at = sections_of(image, pe_load_u32(header + PE_IMAGE_HEADER_STRINGS_BYTES));
  if (image->payload_bytes == 0u || align(at.payload + image->payload_bytes) != image->total_bytes) {
    return PE_UPDATE_LAYOUT;
  }
  return check_numbers(image) ? check_needs(image, policy) : PE_UPDATE_VALUE;
}

pe_update_result_t pe_image_check(pe_image_t *image, const uint8_t *bytes, uint32_t available,
                                  const pe_image_policy_t *policy) {
  pe_update_result_t result = check_bytes(bytes, available);
  if (result == PE_UPDATE_OK) result = pe_image_check_header(image, bytes, policy);
  if (result != PE_UPDATE_OK) return result;
  if (policy->key != NULL && !check_digest(bytes)) return PE_UPDATE_SIGNATURE;
  place_sections(image, bytes);
  if (!check_strings(image)) return PE_UPDATE_STRINGS;
  return check_values(image) ? PE_UPDATE_OK : PE_UPDATE_VALUE;
}

static const char *text_at(const pe_image_t *image, const uint8_t *offset) { return image->strings + load_u16(offset); }

void pe_image_model(const pe_image_t *image, pe_input_spec_t *inputs, pe_output_spec_t *outputs, pe_model_t *model) {
  memset(model, 0, sizeof *model);
  for (uint32_t i = 0; i < image->input_count; i++) {
    const uint8_t *entry = image->inputs + PE_IMAGE_INPUT_BYTES * i;
    inputs[i].name = text_at(image, entry + PE_IMAGE_INPUT_NAME_OFFSET);
    inputs[i].unit = text_at(image, entry + PE_IMAGE_INPUT_UNIT_OFFSET);
    inputs[i].min = load_f64(entry + PE_IMAGE_INPUT_MIN);
    inputs[i].max = load_f64(entry + PE_IMAGE_INPUT_MAX);
    inputs[i].exponent = (int16_t)load_i32(entry + PE_IMAGE_INPUT_EXPONENT);
  }
  for (uint32_t i = 0; i < image->output_count; i++) {
    const uint8_t *entry = image->outputs + PE_IMAGE_OUTPUT_BYTES * i;
    outputs[i].name = text_at(image, entry + PE_IMAGE_OUTPUT_NAME_OFFSET);
    outputs[i].unit = text_at(image, entry + PE_IMAGE_OUTPUT_UNIT_OFFSET);
    outputs[i].scale = load_f64(entry + PE_IMAGE_OUTPUT_SCALE);
    outputs[i].offset = load_f64(entry + PE_IMAGE_OUTPUT_OFFSET);
    outputs[i].exponent = (int16_t)load_i32(entry + PE_IMAGE_OUTPUT_EXPONENT);
  }
  // Sections are aligned to 8 bytes, entries are multiples of 8 long: words are aligned.
  const int32_t *golden = (const int32_t *)(const void *)image->golden;
  model->name = image->name;
  model->engine = image->engine;
  model->payload = image->payload;
  model->payload_bytes = image->payload_bytes;
  // Block tables have a CRC-32 of their own.
  if (image->engine->kind != PE_PAYLOAD_TABLE) model->payload_crc = pe_crc32(image->payload, image->payload_bytes);
  model->identity = image->identity;
  model->memory_bytes = image->memory_bytes;
  model->stack_bytes = image->stack_bytes;
  model->arena_bytes = (uint32_t)PE_ARENA_BYTES(image->memory_bytes, image->heap_bytes);
  model->input_count = image->input_count;
  model->output_count = image->output_count;
  model->inputs = inputs;
  model->outputs = outputs;
  model->golden_count = image->golden_count;
  model->golden_inputs = golden;
  model->golden_outputs = golden + (uint32_t)image->golden_count * image->input_count;
}
