// The core runs at 40 MHz in QEMU: 25 ns.
#define COUNTER_INSTRUCTIONS_PER_CYCLE 25u
