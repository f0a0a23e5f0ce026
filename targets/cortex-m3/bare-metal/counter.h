// Timer 0 of the board, at 25 MHz: 40 ns.
#define COUNTER_TIMER 0x40000000u
#define COUNTER_INSTRUCTIONS_PER_TICK 40u
