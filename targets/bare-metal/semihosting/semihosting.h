// Semihosting: a program asks the debugger or emulator that runs it for files and a console.
// Arm, "Semihosting for AArch32 and AArch64"; RISC-V International, "RISC-V Semihosting" (the same operations).
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

// Operation numbers and their argument, a word or the address of a block of words.
#define SEMIHOSTING_OPEN 0x01u           // name, mode, length of the name -> handle or -1
#define SEMIHOSTING_CLOSE 0x02u          // handle
#define SEMIHOSTING_WRITE0 0x04u         // address of the text itself
#define SEMIHOSTING_WRITE 0x05u          // handle, data, bytes -> bytes not written
#define SEMIHOSTING_READ 0x06u           // handle, data, bytes -> bytes not read
#define SEMIHOSTING_EXIT_EXTENDED 0x20u  // reason, exit code

#define SEMIHOSTING_APPLICATION_EXIT 0x20026u

// The trap instruction of the instruction set.
uintptr_t semihosting_call(uintptr_t operation, uintptr_t argument);

#endif
