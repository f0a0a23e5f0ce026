/* Generated from compiler/deliver/image/image-format.ts by `npm run format:generate`; do not edit. */
#ifndef PE_IMAGE_GEN_H
#define PE_IMAGE_GEN_H
#include <stdint.h>

#define PE_IMAGE_MAGIC 0x4d494550u
#define PE_IMAGE_FORMAT_VERSION 0x2u
#define PE_SIGNATURE_BYTES 0x40u
#define PE_PUBLIC_KEY_BYTES 0x20u
#define PE_DIGEST_BYTES 0x20u
#define PE_IMAGE_HEADER_BYTES 0xa0u
#define PE_IMAGE_HEADER_MAGIC 0x0u
#define PE_IMAGE_HEADER_CRC 0x4u
#define PE_IMAGE_HEADER_SIGNATURE 0x8u
#define PE_IMAGE_HEADER_FORMAT_VERSION 0x48u
#define PE_IMAGE_HEADER_HEADER_BYTES 0x4au
#define PE_IMAGE_HEADER_TOTAL_BYTES 0x4cu
#define PE_IMAGE_HEADER_KIND 0x50u
#define PE_IMAGE_HEADER_FLAGS 0x51u
#define PE_IMAGE_HEADER_RESERVED 0x52u
#define PE_IMAGE_HEADER_TARGET_CLASS 0x54u
#define PE_IMAGE_HEADER_VERSION 0x58u
#define PE_IMAGE_HEADER_IDENTITY 0x5cu
#define PE_IMAGE_HEADER_MEMORY_BYTES 0x60u
#define PE_IMAGE_HEADER_STACK_BYTES 0x64u
#define PE_IMAGE_HEADER_HEAP_BYTES 0x68u
#define PE_IMAGE_HEADER_NATIVE_STACK_BYTES 0x6cu
#define PE_IMAGE_HEADER_INPUT_COUNT 0x70u
#define PE_IMAGE_HEADER_OUTPUT_COUNT 0x72u
#define PE_IMAGE_HEADER_GOLDEN_COUNT 0x74u
#define PE_IMAGE_HEADER_NAME_OFFSET 0x76u
#define PE_IMAGE_HEADER_STRINGS_BYTES 0x78u
#define PE_IMAGE_HEADER_PAYLOAD_BYTES 0x7cu
#define PE_IMAGE_HEADER_DIGEST 0x80u
#define PE_IMAGE_INPUT_BYTES 0x18u
#define PE_IMAGE_INPUT_MIN 0x0u
#define PE_IMAGE_INPUT_MAX 0x8u
#define PE_IMAGE_INPUT_NAME_OFFSET 0x10u
#define PE_IMAGE_INPUT_UNIT_OFFSET 0x12u
#define PE_IMAGE_INPUT_EXPONENT 0x14u
#define PE_IMAGE_OUTPUT_BYTES 0x18u
#define PE_IMAGE_OUTPUT_SCALE 0x0u
#define PE_IMAGE_OUTPUT_OFFSET 0x8u
#define PE_IMAGE_OUTPUT_NAME_OFFSET 0x10u
#define PE_IMAGE_OUTPUT_UNIT_OFFSET 0x12u
#define PE_IMAGE_OUTPUT_EXPONENT 0x14u
#define PE_PAYLOAD_MODULE 0x1u
#define PE_PAYLOAD_TABLE 0x2u
#define PE_IMAGE_FLAG_SIGNED 0x1u
#define PE_IMAGE_LIMIT_MAX_EXPONENT 0x3e8u
#define PE_IMAGE_LIMIT_ALIGNMENT 0x8u

typedef enum {
  PE_UPDATE_OK = 0, /* no error */
  PE_UPDATE_SIZE = 1, /* the image is not whole */
  PE_UPDATE_MAGIC = 2, /* there is no image */
  PE_UPDATE_VERSION = 3, /* the image has another format version */
  PE_UPDATE_CRC = 4, /* the image is damaged: its CRC-32 is wrong */
  PE_UPDATE_LAYOUT = 5, /* the sections of the image do not fill it */
  PE_UPDATE_KIND = 6, /* the firmware cannot run this kind of payload */
  PE_UPDATE_TARGET = 7, /* the image was built for another target */
  PE_UPDATE_STRINGS = 8, /* a text of the image lies outside its strings */
  PE_UPDATE_VALUE = 9, /* a number of the image is impossible */
  PE_UPDATE_CAPACITY = 10, /* the model has more inputs or outputs than the firmware has room for */
  PE_UPDATE_MEMORY = 11, /* the model needs more RAM than the firmware has for it */
  PE_UPDATE_UNSIGNED = 12, /* the image is not signed, and the firmware takes only signed ones */
  PE_UPDATE_SIGNATURE = 13, /* the signature does not belong to this image and the key of the firmware */
  PE_UPDATE_DOWNGRADE = 14, /* the running model has a higher version */
  PE_UPDATE_TOO_LARGE = 15, /* the image is larger than the slot */
  PE_UPDATE_FLASH = 16, /* the flash could not be erased or written */
  PE_UPDATE_STATE = 17, /* no transfer was begun, or it is not complete */
  PE_UPDATE_OFFSET = 18, /* the data do not follow those that were received */
  PE_UPDATE_OPEN = 19, /* the model cannot be opened */
  PE_UPDATE_GOLDEN = 20, /* the answers differ from those recorded when the model was built */
  PE_UPDATE_NO_PREVIOUS = 21, /* there is no earlier model to return to */
  PE_UPDATE_REQUEST = 22, /* the request is malformed or unknown */
  PE_UPDATE_NO_MODEL = 23, /* no model is running */
  PE_UPDATE_TAKEN = 24, /* another host has changed what the device receives or runs */
  PE_UPDATE_WEAR = 25 /* models were replaced so often since the device started that it wants a restart first, to spare its flash */
} pe_update_result_t;

/* Texts of the results, in order. */
#define PE_UPDATE_TEXTS \
  "no error", \
  "the image is not whole", \
  "there is no image", \
  "the image has another format version", \
  "the image is damaged: its CRC-32 is wrong", \
  "the sections of the image do not fill it", \
  "the firmware cannot run this kind of payload", \
  "the image was built for another target", \
  "a text of the image lies outside its strings", \
  "a number of the image is impossible", \
  "the model has more inputs or outputs than the firmware has room for", \
  "the model needs more RAM than the firmware has for it", \
  "the image is not signed, and the firmware takes only signed ones", \
  "the signature does not belong to this image and the key of the firmware", \
  "the running model has a higher version", \
  "the image is larger than the slot", \
  "the flash could not be erased or written", \
  "no transfer was begun, or it is not complete", \
  "the data do not follow those that were received", \
  "the model cannot be opened", \
  "the answers differ from those recorded when the model was built", \
  "there is no earlier model to return to", \
  "the request is malformed or unknown", \
  "no model is running", \
  "another host has changed what the device receives or runs", \
  "models were replaced so often since the device started that it wants a restart first, to spare its flash"

#endif
