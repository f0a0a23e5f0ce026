#include "private_stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTES ((size_t)64 << 10)
#define PAINTED_BYTES ((size_t)256 << 10)
#define APRON_BYTES ((size_t)16 << 10)
// A task that came this near to the end of the paint may have jumped over the end with one large frame.
#define DEEP_BYTES ((size_t)64 << 10)
#define SPARE_BYTES ((size_t)1 << 20)

#define PAINT ((uint64_t)0x5aa5c33c96699669u)

// The sanitizer must not watch the code that reads and writes another thread's dead frames.
#if defined(__clang__) || defined(__GNUC__)
#define UNWATCHED __attribute__((noinline, no_sanitize_address))
#else
#define UNWATCHED
#endif

static _Thread_local uintptr_t call_floor;

struct launch {
  void (*task)(void *);
  void *argument;
  unsigned char *origin;
};

static size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

UNWATCHED static void paint(unsigned char *from, unsigned char *to) {
  for (volatile uint64_t *word = (uint64_t *)from; word < (uint64_t *)to; word++) *word = PAINT;
}

UNWATCHED static unsigned char *first_other_word(unsigned char *from, unsigned char *to, uint64_t value) {
  volatile uint64_t *word = (uint64_t *)from;
  while (word < (uint64_t *)to && *word == value) word++;
  return (unsigned char *)word;
}

static void empty_task(void *argument) { (void)argument; }

// What the call of a task takes by itself is the same on every stack; threads that find it at once find the same.
static bool measure_baseline(struct private_stack *stack) {
  static _Atomic size_t measured_plus_one;
  if (measured_plus_one == 0) {
    size_t bytes;
    if (!stack_run(stack, empty_task, NULL, &bytes)) return false;
    measured_plus_one = bytes + 1;
  }
  stack->baseline = measured_plus_one - 1;
  return true;
}

bool stack_open(struct private_stack *stack, size_t straight_line_bytes) {
  memset(stack, 0, sizeof *stack);
  size_t fixed = STACK_CALL_DEPTH + GUARD_BYTES + APRON_BYTES + SPARE_BYTES;
  if (straight_line_bytes > SIZE_MAX / 2 - fixed) return false;
  size_t size = round_up(fixed + straight_line_bytes, (size_t)sysconf(_SC_PAGESIZE));
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  stack->base = base;
  stack->size = size;
  stack->zero_low = stack->base + GUARD_BYTES;
  stack->painted_low = stack->base + size - PAINTED_BYTES;
  mprotect(stack->base, GUARD_BYTES, PROT_NONE);
  paint(stack->painted_low, stack->base + size);
  if (measure_baseline(stack)) return true;
  stack_close(stack);
  return false;
}

void stack_close(struct private_stack *stack) {
  if (stack->base != NULL) munmap(stack->base, stack->size);
  memset(stack, 0, sizeof *stack);
}

bool stack_is_exhausted(void) {
  unsigned char here;
  return (uintptr_t)&here < call_floor;
}

// The array takes the apron's room in this frame, so that the task's first frame lies wholly below it.
UNWATCHED static void run_below_apron(struct launch *launch) {
  volatile unsigned char apron[APRON_BYTES];
  apron[0] = 1;
  launch->origin = (unsigned char *)((uintptr_t)apron & ~(uintptr_t)15);
  call_floor = (uintptr_t)launch->origin - STACK_CALL_DEPTH;
  launch->task(launch->argument);
  // Keeps the call above from becoming a jump that gives the apron up.
  apron[0] = 2;
}

static void *thread_main(void *argument) {
  // The first use of thread-local storage may allocate: let it happen above the apron.
  call_floor = 0;
  __asm__ volatile("" ::: "memory");
  run_below_apron(argument);
  return NULL;
}

// A signal handler on the measured stack would count as depth, so the thread takes no signals.
static bool start_thread(pthread_t *thread, const pthread_attr_t *attributes, struct launch *launch) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(thread, attributes, thread_main, launch) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

static size_t measure_and_repaint(struct private_stack *stack, unsigned char *origin) {
  unsigned char *lowest = first_other_word(stack->painted_low, origin, PAINT);
  paint(lowest, origin);
  if (lowest >= stack->painted_low + DEEP_BYTES) return (size_t)(origin - lowest);
  unsigned char *deepest = first_other_word(stack->zero_low, stack->painted_low, 0);
  if (deepest == stack->painted_low) return (size_t)(origin - lowest);
  // Fresh pages in place of the used ones: zero again, and their memory given back.
  mmap(stack->zero_low, (size_t)(stack->painted_low - stack->zero_low), PROT_READ | PROT_WRITE,
       MAP_PRIVATE | MAP_ANON | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return (size_t)(origin - deepest);
}

bool stack_run(struct private_stack *stack, void (*task)(void *), void *argument, size_t *used) {
  struct launch launch = {.task = task, .argument = argument};
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) != 0) return false;
  bool started = pthread_attr_setstack(&attributes, stack->zero_low, stack->size - GUARD_BYTES) == 0 &&
                 start_thread(&thread, &attributes, &launch);
  pthread_attr_destroy(&attributes);
  if (!started) return false;
  pthread_join(thread, NULL);
  size_t bytes = measure_and_repaint(stack, launch.origin);
  *used = bytes > stack->baseline ? bytes - stack->baseline : 0;
  return true;
}
