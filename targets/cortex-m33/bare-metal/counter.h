// Timer 0 of the board, secure side, at 20 MHz: 50 ns.
#define COUNTER_TIMER 0x50000000u
#define COUNTER_INSTRUCTIONS_PER_TICK 50u
