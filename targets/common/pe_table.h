// The numbered checks of a block table, the same and in the same order as in the compiler and in the module
// (compiler/table/check.ts, runtime/check.ts). A table that passes can only be read inside itself and only write inside
// its arena, whatever its contents.
#ifndef PE_TABLE_H
#define PE_TABLE_H

#include <stdint.h>

#include "pe_format.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

// Number of the first check that fails (PE_CHECK_...), PE_CHECK_OK when all pass. `table` lies on a 4-byte boundary and
// has `bytes` bytes; `arena_capacity` is the room for its arena, in bytes. Nothing is written.
uint32_t pe_table_check(const void *table, uint32_t bytes, uint32_t arena_capacity);

// The same without the table's own CRC-32, for bytes that are part of others whose CRC-32 was compared.
uint32_t pe_table_check_intact(const void *table, uint32_t bytes, uint32_t arena_capacity);

// How many steps one evaluation may take: tables that would take more are not run. Models take about one for every byte
// of their table, and a few times as many where blocks share weights.
#ifndef PE_MAX_WORK
#define PE_MAX_WORK(table_bytes) (65536u + (uint64_t)64 * (table_bytes))
#endif
#define PE_TABLE_TOO_LONG "an evaluation of the block table would take more steps than it may"

// How many steps one evaluation of a table that passed takes: multiply-accumulates, and one for each element of a result.
uint64_t pe_table_steps(const void *table);

#ifdef __cplusplus
}
#endif

#endif
