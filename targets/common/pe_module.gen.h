/* Generated from compiler/code/asc/limits.ts by `npm run format:generate`; do not edit. */
#ifndef PE_MODULE_GEN_H
#define PE_MODULE_GEN_H
#include <stdint.h>

#define PE_MODULE_EXPORT_COUNT 0x7u
#define PE_MODULE_REQUIRED_EXPORT_COUNT 0x6u
#define PE_MODULE_EXPORT_INPUT 0x1u
#define PE_MODULE_CONSTANT_EXPORT_COUNT 0x3u
#define PE_MODULE_EXPORT_RUN 0x4u
#define PE_MODULE_EXPORT_EVALUATE 0x6u
#define PE_MODULE_TABLE_ADDRESS 0x8u
#define PE_MODULE_MAX_TYPES 0x20u
#define PE_MODULE_MAX_FUNCTIONS 0x60u
#define PE_MODULE_MAX_PARAMETERS 0x10u
#define PE_MODULE_MAX_GLOBALS 0x8u
#define PE_MODULE_MAX_CALLS 0xc0u
#define PE_MODULE_MAX_NESTING 0x60u
#define PE_MODULE_MAX_VALUES 0xc0u
#define PE_MODULE_MAX_TARGETS 0x40u
#define PE_MODULE_MAX_WORK 0x4000u

#define PE_MODULE_EXPORTS "memory\0input\0output\0identity\0run\0lastStatus\0evaluate\0"

#endif
