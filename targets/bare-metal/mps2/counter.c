// Instructions by a timer of Arm's MPS2 boards. With QEMU's -icount shift=0 an instruction takes one nanosecond, so a
// tick of the timer is as many instructions as nanoseconds.
// Arm Cortex-M System Design Kit Technical Reference Manual (DDI 0479), section APB timer.
#include "board.h"
#include "devices.h"

typedef struct {
  volatile uint32_t control;
  volatile uint32_t value;  // counts down
  volatile uint32_t reload;
  volatile uint32_t interrupt;
} cmsdk_timer_t;

#define TIMER ((cmsdk_timer_t *)COUNTER_TIMER)
#define ENABLE 1u

void board_counter_start(void);

static uint32_t last;
static uint64_t ticks;

void board_counter_start(void) {
  TIMER->reload = UINT32_MAX;
  TIMER->value = UINT32_MAX;
  TIMER->control = ENABLE;
  last = UINT32_MAX;
}

// Must be asked at least once in 2^32 ticks.
uint64_t board_instructions(void) {
  const uint32_t now = TIMER->value;
  ticks += last - now;
  last = now;
  return ticks * COUNTER_INSTRUCTIONS_PER_TICK;
}
