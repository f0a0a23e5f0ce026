// Devices of the board (Arm Application Note AN505, memory map), secure side. Timer 0 runs at 20 MHz: 50 ns.
#define COUNTER_TIMER 0x50000000u
#define COUNTER_INSTRUCTIONS_PER_TICK 50u
#define UART_ADDRESS 0x50200000u
