// Reads lines "key signature message" in hexadecimal ("-" for an empty message) and prints 1 or 0 for each.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pe_signature.h"

static uint32_t read_hex(const char *text, uint8_t *bytes) {
  uint32_t count = 0;
  unsigned value;
  while (sscanf(text + 2u * count, "%2x", &value) == 1) bytes[count++] = (uint8_t)value;
  return count;
}

int main(void) {
  static char key[128], signature[256], message[1 << 16];
  static uint8_t key_bytes[64], signature_bytes[128], message_bytes[1 << 15];
  while (scanf("%127s %255s %65535s", key, signature, message) == 3) {
    if (read_hex(key, key_bytes) != 32 || read_hex(signature, signature_bytes) != 64) return 1;
    const uint32_t count = read_hex(message, message_bytes);
    printf("%d\n", pe_signature_check(signature_bytes, key_bytes, message_bytes, count) ? 1 : 0);
  }
  return 0;
}
