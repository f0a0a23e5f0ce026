// Runs a fuzz target once on every file that is named: the regression test, with any compiler.
#include "fuzz.h"

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    FILE *file = fopen(names[i], "rb");
    if (file == NULL) {
      fprintf(stderr, "%s cannot be read\n", names[i]);
      return 2;
    }
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    // A block of exactly this size: reading past it is seen.
    uint8_t *data = (uint8_t *)malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) return 2;
    fclose(file);
    fprintf(stderr, "%s\n", names[i]);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
  }
  printf("%d inputs\n", count - 1);
  return 0;
}
