// base + a b / 2^32, rounded half up, as the kernels compute it: a, b and base from standard input, three words each.
#include <stdint.h>
#include <stdio.h>

#include "pe_kernels_map.h"

int main(void) {
  int32_t numbers[3];
  while (fread(numbers, sizeof numbers, 1, stdin) == 1) {
    const int32_t result = pe_add_upper(numbers[2], numbers[0], numbers[1]);
    if (fwrite(&result, sizeof result, 1, stdout) != 1) return 1;
  }
  return 0;
}
