// The golden vectors, which lie in program memory where C reaches them and C++ does not.
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Evaluates every golden vector. Returns how many output words differ from those of the build.
uint16_t check_golden_vectors(void);

// Evaluates the point of the first golden vector once, as words.
void check_run_once(void);

#ifdef __cplusplus
}
#endif

#endif
