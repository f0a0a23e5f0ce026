/* Generated from compiler/deliver/device/protocol.ts by `npm run format:generate`; do not edit. */
#ifndef PE_AGENT_GEN_H
#define PE_AGENT_GEN_H
#include <stdint.h>

#define PE_PROTOCOL_VERSION 0x2u
#define PE_BODY_BYTES 0x208u
#define PE_PACKET_OVERHEAD 0xau
#define PE_ANSWER 0x80u
#define PE_PERMIT_MAGIC 0x4d524550u
#define PE_DEVICE_BYTES 0x38u
#define PE_DEVICE_PROTOCOL 0x0u
#define PE_DEVICE_BODY_BYTES 0x4u
#define PE_DEVICE_FLAGS 0x8u
#define PE_DEVICE_TARGET_CLASS 0xcu
#define PE_DEVICE_SLOT_BYTES 0x10u
#define PE_DEVICE_MEMORY_BYTES 0x14u
#define PE_DEVICE_SLOT 0x18u
#define PE_DEVICE_VERSION 0x1cu
#define PE_DEVICE_IDENTITY 0x20u
#define PE_DEVICE_IMAGE_CRC 0x24u
#define PE_DEVICE_INPUT_COUNT 0x28u
#define PE_DEVICE_OUTPUT_COUNT 0x2cu
#define PE_DEVICE_GOLDEN_COUNT 0x30u
#define PE_DEVICE_SEQUENCE 0x34u
#define PE_COMMAND_HELLO 0x1u
#define PE_COMMAND_BEGIN 0x2u
#define PE_COMMAND_DATA 0x3u
#define PE_COMMAND_FINISH 0x4u
#define PE_COMMAND_STATUS 0x5u
#define PE_COMMAND_ROLLBACK 0x6u
#define PE_COMMAND_EVALUATE 0x7u
#define PE_COMMAND_GOLDEN 0x8u
#define PE_COMMAND_ABORT 0x9u
#define PE_COMMAND_DAMAGED 0x7eu
#define PE_BEGIN_FLAG_FORCE 0x1u
#define PE_DEVICE_FLAG_SIGNED_ONLY 0x1u
#define PE_DEVICE_FLAG_NEVER_LOWER 0x2u
#define PE_DEVICE_FLAG_RUNS_MODULES 0x4u
#define PE_DEVICE_FLAG_RUNS_TABLES 0x8u
#define PE_SLOT_A 0x0u
#define PE_SLOT_B 0x1u
#define PE_SLOT_BUILT_IN 0x2u
#define PE_SLOT_NONE 0x3u

#endif
