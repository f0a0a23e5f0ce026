#include "pe_kernels.h"

#include "pe_kernels_block.h"
#include "pe_kernels_choose.h"
#include "pe_kernels_combine.h"
#include "pe_kernels_dense.h"
#include "pe_kernels_dual.h"
#include "pe_kernels_map.h"
#include "pe_kernels_scale.h"

#if defined(__GNUC__)
#define PE_KERNEL __attribute__((noinline)) static
#else
#define PE_KERNEL static
#endif

// Defined by firmware that would rather be small than fast: kernels then look at the format of each record, but for
// DENSE_DUAL, instead of having an instance for it. The integers are the same.
#ifdef PE_SMALL_KERNELS
#define PE_IS_SMALL 1
#else
#define PE_IS_SMALL 0
#endif

// The kernels that take most of the time have one instance per format; of the width of results they look at the record.
#define PE_OUT(r) ((r)->format & PE_FORMAT_OUT_WIDE)

#define PE_DENSE_KERNEL(name, format)                                                          \
  PE_KERNEL void name(const pe_record_t *r, void *arena, const uint8_t *pool) {                \
    pe_dense(r, (format) | PE_OUT(r), arena, pool);                                            \
  }

PE_DENSE_KERNEL(dense_8_16_32, PE_FORMAT_WEIGHT_8)
PE_DENSE_KERNEL(dense_16_16_32, PE_FORMAT_WEIGHT_16)
PE_DENSE_KERNEL(dense_8_16_64, PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE)
PE_DENSE_KERNEL(dense_16_16_64, PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE)
PE_DENSE_KERNEL(dense_32_16_64, PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE)
PE_DENSE_KERNEL(dense_8_32_64, PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
PE_DENSE_KERNEL(dense_16_32_64, PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
PE_DENSE_KERNEL(dense_32_32_64, PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)

// Every other format, such as a 32-bit accumulator of 32-bit numbers, which no compiler makes.
PE_KERNEL void dense_any(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_dense(r, r->format, arena, pool);
}

#define PE_STARTS_KERNEL(name, format)                                                         \
  PE_KERNEL void name(const pe_record_t *r, void *arena, const uint8_t *pool) {                \
    pe_dense_starts(r, (format) | PE_OUT(r), arena, pool);                                     \
  }

PE_STARTS_KERNEL(starts_8_16_32, PE_FORMAT_WEIGHT_8)
PE_STARTS_KERNEL(starts_8_32_64, PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
PE_STARTS_KERNEL(starts_16_32_64, PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
PE_STARTS_KERNEL(starts_32_32_64, PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)

PE_KERNEL void starts_any(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_dense_starts(r, r->format, arena, pool);
}

PE_KERNEL void dual_32(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_dense_dual(r, PE_OUT(r), arena, pool);
}

PE_KERNEL void dual_64(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_dense_dual(r, PE_FORMAT_ACC_WIDE | PE_OUT(r), arena, pool);
}

PE_KERNEL void scale(const pe_record_t *r, void *arena, const uint8_t *pool) { pe_scale(r, r->format, arena, pool); }

#define PE_BLOCK_KERNEL(name, format)                                                          \
  PE_KERNEL void name(const pe_record_t *r, void *arena, const uint8_t *pool) {                \
    pe_block(r, (format) | PE_OUT(r), arena, pool);                                            \
  }

PE_BLOCK_KERNEL(block_8_16_64, PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE)
PE_BLOCK_KERNEL(block_16_16_64, PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE)

PE_KERNEL void block_any(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_block(r, r->format, arena, pool);
}

#define PE_LINEAR_KERNEL(name, format) \
  PE_KERNEL void name(const pe_record_t *r, void *arena, const uint8_t *pool) { pe_map_linear(r, format, arena, pool); }

PE_LINEAR_KERNEL(linear_16_16, 0u)
PE_LINEAR_KERNEL(linear_32_16, PE_FORMAT_A_WIDE)
PE_LINEAR_KERNEL(linear_16_32, PE_FORMAT_OUT_WIDE)
PE_LINEAR_KERNEL(linear_32_32, PE_FORMAT_A_WIDE | PE_FORMAT_OUT_WIDE)

PE_KERNEL void linear_any(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_map_linear(r, r->format, arena, pool);
}

PE_KERNEL void polynomial(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_map_polynomial(r, r->format, arena, pool);
}

#define PE_HORNER_KERNEL(name, format) \
  PE_KERNEL void name(const pe_record_t *r, void *arena, const uint8_t *pool) { pe_map_horner(r, format, arena, pool); }

PE_HORNER_KERNEL(horner_16_16, 0u)
PE_HORNER_KERNEL(horner_32_16, PE_FORMAT_A_WIDE)

PE_KERNEL void horner_any(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_map_horner(r, r->format, arena, pool);
}

PE_KERNEL void add(const pe_record_t *r, void *arena) { pe_add(r, r->format, arena); }
PE_KERNEL void mul(const pe_record_t *r, void *arena) { pe_mul(r, r->format, arena); }
PE_KERNEL void copy(const pe_record_t *r, void *arena) { pe_copy(r, r->format, arena); }
PE_KERNEL void extremum(const pe_record_t *r, void *arena) {
  pe_extremum(r, r->format, arena, r->kind == PE_KIND_MIN ? 1u : 0u);
}
PE_KERNEL void choose(const pe_record_t *r, void *arena) { pe_select(r, r->format, arena); }

static void dense(const pe_record_t *r, void *arena, const uint8_t *pool) {
  if (PE_IS_SMALL) {
    dense_any(r, arena, pool);
    return;
  }
  switch (r->format & ~PE_FORMAT_OUT_WIDE) {
    case PE_FORMAT_WEIGHT_8:
      dense_8_16_32(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_16:
      dense_16_16_32(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE:
      dense_8_16_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE:
      dense_16_16_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE:
      dense_32_16_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      dense_8_32_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      dense_16_32_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      dense_32_32_64(r, arena, pool);
      break;
    default:
      dense_any(r, arena, pool);
      break;
  }
}

static void starts(const pe_record_t *r, void *arena, const uint8_t *pool) {
  if (PE_IS_SMALL) {
    starts_any(r, arena, pool);
    return;
  }
  switch (r->format & ~PE_FORMAT_OUT_WIDE) {
    case PE_FORMAT_WEIGHT_8:
      starts_8_16_32(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      starts_8_32_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      starts_16_32_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_32 | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:
      starts_32_32_64(r, arena, pool);
      break;
    default:
      starts_any(r, arena, pool);
      break;
  }
}

static void block(const pe_record_t *r, void *arena, const uint8_t *pool) {
  if (PE_IS_SMALL) {
    block_any(r, arena, pool);
    return;
  }
  switch (r->format & ~PE_FORMAT_OUT_WIDE) {
    case PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE:
      block_8_16_64(r, arena, pool);
      break;
    case PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE:
      block_16_16_64(r, arena, pool);
      break;
    default:
      block_any(r, arena, pool);
      break;
  }
}

static void linear(const pe_record_t *r, void *arena, const uint8_t *pool) {
  if (PE_IS_SMALL) {
    linear_any(r, arena, pool);
    return;
  }
  switch (r->format & (PE_FORMAT_A_WIDE | PE_FORMAT_OUT_WIDE)) {
    case 0u:
      linear_16_16(r, arena, pool);
      break;
    case PE_FORMAT_A_WIDE:
      linear_32_16(r, arena, pool);
      break;
    case PE_FORMAT_OUT_WIDE:
      linear_16_32(r, arena, pool);
      break;
    default:
      linear_32_32(r, arena, pool);
      break;
  }
}

static void horner(const pe_record_t *r, void *arena, const uint8_t *pool) {
  if (PE_IS_SMALL) {
    horner_any(r, arena, pool);
    return;
  }
  switch (r->format) {
    case 0u:
      horner_16_16(r, arena, pool);
      break;
    case PE_FORMAT_A_WIDE:
      horner_32_16(r, arena, pool);
      break;
    default:
      horner_any(r, arena, pool);
      break;
  }
}

static void step(const pe_record_t *r, void *arena, const uint8_t *pool) {
  switch (r->kind) {
    case PE_KIND_DENSE:
      dense(r, arena, pool);
      break;
    case PE_KIND_DENSE_DUAL:
      if ((r->format & PE_FORMAT_ACC_WIDE) != 0u) {
        dual_64(r, arena, pool);
      } else {
        dual_32(r, arena, pool);
      }
      break;
    case PE_KIND_DENSE_STARTS:
      starts(r, arena, pool);
      break;
    case PE_KIND_BLOCK:
      block(r, arena, pool);
      break;
    case PE_KIND_SCALE:
      scale(r, arena, pool);
      break;
    case PE_KIND_MAP_LINEAR:
      linear(r, arena, pool);
      break;
    case PE_KIND_MAP_POLYNOMIAL:
      polynomial(r, arena, pool);
      break;
    case PE_KIND_MAP_HORNER:
      horner(r, arena, pool);
      break;
    case PE_KIND_ADD:
      add(r, arena);
      break;
    case PE_KIND_MUL:
      mul(r, arena);
      break;
    case PE_KIND_COPY:
      copy(r, arena);
      break;
    case PE_KIND_MIN:
    case PE_KIND_MAX:
      extremum(r, arena);
      break;
    case PE_KIND_SELECT:
      choose(r, arena);
      break;
    default:  // refused by the check
      break;
  }
}

uint32_t pe_walk(const void *table, void *arena) {
  const uint8_t *bytes = (const uint8_t *)table;
  const pe_header_t *header = (const pe_header_t *)table;
  const pe_record_t *record = (const pe_record_t *)(const void *)(bytes + header->records_offset);
  const pe_input_t *ranges = (const pe_input_t *)(const void *)(bytes + PE_HEADER_BYTES);
  const uint8_t *pool = bytes + header->pool_offset;
  const uint32_t status = pe_hold_inputs(ranges, header->input_count, arena);
  for (uint32_t i = 0; i < header->record_count; i++) step(&record[i], arena, pool);
  return status;
}
