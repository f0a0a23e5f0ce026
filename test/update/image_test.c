// Checks model images in ways that only C can: every byte that the library may read is under the sanitizer's eyes.
//
//   image_test open IMAGE CLASS           checks it, opens its model and evaluates the golden vectors
//   image_test check IMAGE CLASS KEY [MEMORY]   prints the result's number (KEY: 64 hexadecimal digits or "-") where there
//                                         are so many bytes of RAM
//   image_test header IMAGE CLASS KEY [MEMORY]  the same for the header alone, with nothing readable behind it
//   image_test need IMAGE CLASS           prints how many bytes of RAM it needs
//   image_test shifted IMAGE CLASS KEY    the same for the image at an address that is no multiple of 8
//   image_test bits IMAGE CLASS KEY       flips every single bit; prints how many of the images were taken
//   image_test forged IMAGE CLASS KEY     the same, and corrects the CRC after each flip
//   image_test random IMAGE CLASS SEED N  N images with random damage and a corrected CRC; uses all that are taken
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_crc32.h"
#include "pe_image.h"
#ifndef WITHOUT_WASM3
#include "pinn_edge.h"
#endif

#define CAPACITY 8u

#ifdef WITHOUT_WASM3
static const pe_engine_t of_modules = {PE_PAYLOAD_MODULE, NULL, NULL}, of_tables = {PE_PAYLOAD_TABLE, NULL, NULL};
static const pe_engine_t *const engines[] = {&of_modules, &of_tables, NULL};
#else
static const pe_engine_t *const engines[] = {&pe_module_engine, &pe_table_engine, NULL};
#endif
static pe_input_spec_t inputs[CAPACITY];
static pe_output_spec_t outputs[CAPACITY];
static uint8_t key[PE_PUBLIC_KEY_BYTES];

static uint8_t *read_file(const char *path, uint32_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(3);
  (void)fseek(file, 0, SEEK_END);
  *bytes = (uint32_t)ftell(file);
  (void)fseek(file, 0, SEEK_SET);
  // Exactly as long as the image, so that a read past its end is seen.
  uint8_t *image = (uint8_t *)malloc(*bytes == 0u ? 1u : *bytes);
  if (image == NULL || fread(image, 1, *bytes, file) != *bytes) exit(3);
  (void)fclose(file);
  return image;
}

static pe_image_policy_t policy_of(const char *target_class, const char *hex) {
  pe_image_policy_t policy;
  memset(&policy, 0, sizeof policy);
  policy.target_class = (uint32_t)strtoul(target_class, NULL, 10);
  policy.engines = engines;
  policy.memory_bytes = 10000000u;
  policy.input_capacity = CAPACITY;
  policy.output_capacity = CAPACITY;
  if (hex != NULL && strlen(hex) == 64u) {
    for (unsigned i = 0; i < 32u; i++) {
      unsigned value = 0;
      (void)sscanf(hex + 2u * i, "%2x", &value);
      key[i] = (uint8_t)value;
    }
    policy.key = key;
  }
  return policy;
}

static void correct_crc(uint8_t *image, uint32_t bytes) {
  const uint32_t total = pe_load_u32(image + PE_IMAGE_HEADER_TOTAL_BYTES);
  const uint32_t covered = total >= PE_IMAGE_HEADER_SIGNATURE && total <= bytes ? total : bytes;
  pe_store_u32(image + PE_IMAGE_HEADER_CRC,
               pe_crc32(image + PE_IMAGE_HEADER_SIGNATURE, covered - PE_IMAGE_HEADER_SIGNATURE));
}

static unsigned flip_all(uint8_t *image, uint32_t bytes, const pe_image_policy_t *policy, int forge) {
  pe_image_t checked;
  unsigned taken = 0;
  for (uint32_t bit = 0; bit < 8u * bytes; bit++) {
    uint8_t crc[4];
    // Forged: a flip in the CRC itself would be undone.
    if (forge && bit >= 32u && bit < 64u) continue;
    memcpy(crc, image + PE_IMAGE_HEADER_CRC, sizeof crc);
    image[bit >> 3] = (uint8_t)(image[bit >> 3] ^ (1u << (bit & 7u)));
    if (forge) correct_crc(image, bytes);
    if (pe_image_check(&checked, image, bytes, policy) == PE_UPDATE_OK) taken++;
    image[bit >> 3] = (uint8_t)(image[bit >> 3] ^ (1u << (bit & 7u)));
    memcpy(image + PE_IMAGE_HEADER_CRC, crc, sizeof crc);
  }
  return taken;
}

// Reads all that a user of the model would.
static uint32_t use(const pe_image_t *image) {
  pe_model_t model;
  uint32_t sum = 0;
  pe_image_model(image, inputs, outputs, &model);
  sum += (uint32_t)strlen(model.name);
  for (uint32_t i = 0; i < model.input_count; i++) sum += (uint32_t)(strlen(inputs[i].name) + strlen(inputs[i].unit));
  for (uint32_t i = 0; i < model.output_count; i++) sum += (uint32_t)(strlen(outputs[i].name) + strlen(outputs[i].unit));
  for (uint32_t i = 0; i < (uint32_t)model.golden_count * model.input_count; i++) sum += (uint32_t)model.golden_inputs[i];
  for (uint32_t i = 0; i < (uint32_t)model.golden_count * model.output_count; i++) sum += (uint32_t)model.golden_outputs[i];
  for (uint32_t i = 0; i < model.payload_bytes; i++) sum += model.payload[i];
  return sum;
}

static void damage_randomly(const uint8_t *image, uint32_t bytes, const pe_image_policy_t *policy, unsigned count) {
  unsigned taken = 0;
  uint32_t sum = 0;
  for (unsigned n = 0; n < count; n++) {
    // Cut short or left whole; mostly the header and the entries after it are hit.
    const uint32_t length = rand() % 4 == 0 ? (uint32_t)rand() % (bytes + 1u) : bytes;
    uint8_t *copy = (uint8_t *)malloc(length == 0u ? 1u : length);
    if (copy == NULL) exit(3);
    memcpy(copy, image, length);
    for (int hits = rand() % 4; hits >= 0 && length > PE_IMAGE_HEADER_FORMAT_VERSION; hits--) {
      const uint32_t near = length < 256u ? length : 256u;
      const uint32_t at = (uint32_t)rand() % (rand() % 8 == 0 ? length : near);
      static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
      copy[at] = rand() % 2 == 0 ? values[rand() % 5] : (uint8_t)rand();
    }
    if (length >= PE_IMAGE_HEADER_BYTES) {
      // Past the first checks, most of the time.
      pe_store_u32(copy, PE_IMAGE_MAGIC);
      if (rand() % 2 == 0) pe_store_u32(copy + PE_IMAGE_HEADER_TOTAL_BYTES, length & ~7u);
      correct_crc(copy, length);
    }
    pe_image_t checked;
    if (pe_image_check(&checked, copy, length, policy) == PE_UPDATE_OK) {
      taken++;
      sum += use(&checked);
    }
    free(copy);
  }
  printf("%u %u\n", taken, (unsigned)(sum & 1u));
}

#ifndef WITHOUT_WASM3
static int open_model(const uint8_t *image, uint32_t bytes, const pe_image_policy_t *policy) {
  pe_image_t checked;
  pe_model_t model;
  pe_t pe;
  const pe_update_result_t result = pe_image_check(&checked, image, bytes, policy);
  if (result != PE_UPDATE_OK) {
    printf("%s\n", pe_update_text(result));
    return 1;
  }
  pe_image_model(&checked, inputs, outputs, &model);
  static uint8_t arena[1 << 18];
  pe_result_t opened = pe_open(&pe, &model, arena, sizeof arena);
  if (opened == PE_OK) opened = pe_self_test(&pe);
  printf("%s v%u %s: %s; %u points, %s [%s] %.17g..%.17g, %s [%s]\n", model.name, (unsigned)checked.version,
         model.payload_bytes == checked.payload_bytes ? "whole" : "cut", pe_text(opened), (unsigned)model.golden_count,
         inputs[0].name, inputs[0].unit, inputs[0].min, inputs[0].max, outputs[0].name, outputs[0].unit);
  pe_close(&pe);
  return opened == PE_OK ? 0 : 1;
}
#endif

int main(int argc, char **argv) {
  if (argc < 4) return 3;
  uint32_t bytes = 0;
  int status = 0;
  uint8_t *image = read_file(argv[2], &bytes);
  pe_image_policy_t policy = policy_of(argv[3], argc > 4 ? argv[4] : NULL);
  if (argc == 6 && strcmp(argv[1], "random") != 0) policy.memory_bytes = (uint32_t)strtoul(argv[5], NULL, 10);
  pe_image_t checked;
#ifndef WITHOUT_WASM3
  if (strcmp(argv[1], "open") == 0) status = open_model(image, bytes, &policy);
#endif
  if (strcmp(argv[1], "check") == 0) printf("%d\n", (int)pe_image_check(&checked, image, bytes, &policy));
  if (strcmp(argv[1], "need") == 0 && pe_image_check(&checked, image, bytes, &policy) == PE_UPDATE_OK) {
    printf("%u\n", (unsigned)PE_ARENA_BYTES(checked.memory_bytes, checked.heap_bytes));
  }
  if (strcmp(argv[1], "header") == 0) {
    uint8_t *header = (uint8_t *)malloc(PE_IMAGE_HEADER_BYTES);
    if (header == NULL || bytes < PE_IMAGE_HEADER_BYTES) return 3;
    memcpy(header, image, PE_IMAGE_HEADER_BYTES);
    printf("%d\n", (int)pe_image_check_header(&checked, header, &policy));
    free(header);
  }
  if (strcmp(argv[1], "shifted") == 0) {
    uint8_t *copy = (uint8_t *)malloc(bytes + 4u);
    if (copy == NULL) return 3;
    memcpy(copy + 4, image, bytes);
    printf("%d\n", (int)pe_image_check(&checked, copy + 4, bytes, &policy));
    free(copy);
  }
  if (strcmp(argv[1], "bits") == 0) printf("%u\n", flip_all(image, bytes, &policy, 0));
  if (strcmp(argv[1], "forged") == 0) printf("%u\n", flip_all(image, bytes, &policy, 1));
  if (strcmp(argv[1], "random") == 0 && argc > 5) {
    srand((unsigned)atoi(argv[4]));
    damage_randomly(image, bytes, &policy, (unsigned)atoi(argv[5]));
  }
  free(image);
  return status;
}
