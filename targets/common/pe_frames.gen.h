/* Generated from compiler/code/cost/frames.json by `npm run format:generate`; do not edit. */
#ifndef PE_FRAMES_GEN_H
#define PE_FRAMES_GEN_H
#include <stdint.h>

#define PE_FRAME_MOVE 0x0u
#define PE_FRAME_INT32 0x1u
#define PE_FRAME_INT64 0x2u
#define PE_FRAME_LOAD 0x3u
#define PE_FRAME_STORE 0x4u
#define PE_FRAME_BRANCH 0x5u
#define PE_FRAME_LOOP 0x6u
#define PE_FRAME_ENTRY 0x7u
#define PE_FRAME_CALL 0x8u
#define PE_FRAME_BLOCK 0x9u
#define PE_FRAME_UNIT_BYTES 0x8u
#define PE_RUN_STACK_BYTES 0x280u
#define PE_OPEN_STACK_BYTES 0x380u
#define PE_VALIDATE_STACK_BYTES 0xf00u
#define PE_IMPORT_STACK_BYTES 0x200u

#define PE_FRAMES_ARMV6_M {4u, 4u, 5u, 7u, 8u, 4u, 6u, 5u, 10u, 29u}
#define PE_FRAMES_ARM_CLANG {6u, 4u, 5u, 5u, 6u, 4u, 6u, 5u, 11u, 35u}
#define PE_FRAMES_XTENSA_LX106 {2u, 4u, 4u, 4u, 6u, 2u, 6u, 4u, 12u, 34u}
#define PE_FRAMES_X86_64 {2u, 4u, 4u, 2u, 2u, 2u, 6u, 6u, 18u, 48u}
#define PE_FRAMES_XTENSA_WINDOWED {4u, 4u, 4u, 6u, 6u, 4u, 4u, 4u, 12u, 42u}
#define PE_FRAMES_LARGEST {6u, 4u, 5u, 7u, 8u, 4u, 6u, 6u, 18u, 48u}
#define PE_FRAMES_TAIL_CALLS {0u, 0u, 0u, 0u, 0u, 0u, 5u, 0u, 7u, 32u}
#define PE_FRAMES_TAIL_CALLS_64 {0u, 0u, 0u, 0u, 0u, 0u, 6u, 0u, 10u, 48u}

#endif
