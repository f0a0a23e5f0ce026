// Devices of the board. Timer 0 runs at 25 MHz: 40 ns.
#define COUNTER_TIMER 0x40000000u
#define COUNTER_INSTRUCTIONS_PER_TICK 40u
#define UART_ADDRESS 0x40004000u
