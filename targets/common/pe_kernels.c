#include "pe_kernels.h"

#include "pe_kernels_block.h"
#include "pe_kernels_choose.h"
#include "pe_kernels_combine.h"
#include "pe_kernels_dense.h"
#include "pe_kernels_dual.h"
#include "pe_kernels_map.h"
#include "pe_kernels_scale.h"

#if PE_FLASH_IS_APART
#error "tables are walked where pointers reach them: here the engine c's own sources read the model from program memory"
#endif

#if defined(__GNUC__)
#define PE_ALONE __attribute__((noinline)) static
// Compiled for few bytes whatever the rest is compiled for.
#define PE_SPARING __attribute__((noinline, cold)) static
#else
#define PE_ALONE static
#define PE_SPARING static
#endif

#if PE_HAS_SPLINES
// One record of this kind does the work of a network.
#define PE_SPLINE_PART PE_SPARING
#include "pe_kernels_spline.h"
#endif

// Defined by firmware that would rather be small than fast: kernels then look at the format of each record instead of
// having an instance for it. The integers are the same.
#ifdef PE_SMALL_KERNELS
#define PE_IS_SMALL 1
#else
#define PE_IS_SMALL 0
#endif

// Defined where code may be as long as it likes, as on the machine that compiles: PE_LONG_KERNELS. The kernel of most
// products then has an instance for every format, and its loop is left to a compiler that makes vectors of it.

// What a kernel's instance is chosen by; small ones have no choice.
#define PE_CHOICE(key) (PE_IS_SMALL ? UINT32_MAX : (key))

// An instance of a kernel, for records of one format (or of a few, where `format` reads the record). The record is
// copied, out of reach of what the kernel stores, so that what it says is read once.
#define PE_KERNEL(name, kernel, format)                                              \
  PE_ALONE void name(const pe_record_t *shared, void *arena, const uint8_t *pool) {  \
    const pe_record_t own = *shared;                                                 \
    const pe_record_t *const r = &own;                                               \
    kernel(r, format, arena, pool);                                                  \
  }

// The same for records whose flags are known as well.
#define PE_KERNEL_OF(name, kernel, format, known_flags)                              \
  PE_ALONE void name(const pe_record_t *shared, void *arena, const uint8_t *pool) {  \
    pe_record_t own = *shared;                                                       \
    own.flags = (known_flags);                                                       \
    kernel(&own, format, arena, pool);                                               \
  }

// The same where many records may have one row only, for which little is left of a kernel.
#define PE_KERNEL_OR_ONE(name, kernel, format, known_flags)                          \
  PE_ALONE void name##_one(const pe_record_t *r, void *arena, const uint8_t *pool) { \
    pe_record_t own = *r;                                                            \
    own.flags = (known_flags);                                                       \
    own.rows = 1u;                                                                   \
    kernel(&own, format, arena, pool);                                               \
  }                                                                                  \
  PE_KERNEL_OF(name##_many, kernel, format, known_flags)                             \
  static void name(const pe_record_t *r, void *arena, const uint8_t *pool) {         \
    if (r->rows == 1u) {                                                             \
      name##_one(r, arena, pool);                                                    \
    } else {                                                                         \
      name##_many(r, arena, pool);                                                   \
    }                                                                                \
  }

// The kernels that take most of the time have one instance per format; of the width of results most look at the record.
#define PE_OUT(r) ((r)->format & PE_FORMAT_OUT_WIDE)

// Where results may need more than 32 bits, which is rare: one instance, unless code may be long.
#ifdef PE_LONG_KERNELS
#define PE_DENSE_MASK (PE_FORMAT_WEIGHT_MASK | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
#define PE_DENSE_KERNEL(name, known) PE_KERNEL(name, pe_dense, (known) | PE_OUT(r))
#define PE_DENSE_KERNELS(name, weight)                                               \
  PE_DENSE_KERNEL(name##_16_32, weight)                                              \
  PE_DENSE_KERNEL(name##_32_32, (weight) | PE_FORMAT_A_WIDE)                         \
  PE_DENSE_KERNEL(name##_16_64, (weight) | PE_FORMAT_ACC_WIDE)                       \
  PE_DENSE_KERNEL(name##_32_64, (weight) | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE)
PE_DENSE_KERNELS(dense_8, PE_FORMAT_WEIGHT_8)
PE_DENSE_KERNELS(dense_16, PE_FORMAT_WEIGHT_16)
PE_DENSE_KERNELS(dense_32, PE_FORMAT_WEIGHT_32)

#define PE_DENSE_CASES(name, weight)                                                 \
  case weight:                                                                       \
    name##_16_32(r, arena, pool);                                                    \
    break;                                                                           \
  case (weight) | PE_FORMAT_A_WIDE:                                                  \
    name##_32_32(r, arena, pool);                                                    \
    break;                                                                           \
  case (weight) | PE_FORMAT_ACC_WIDE:                                                \
    name##_16_64(r, arena, pool);                                                    \
    break;                                                                           \
  case (weight) | PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE:                             \
    name##_32_64(r, arena, pool);                                                    \
    break;
static void dense(const pe_record_t *r, void *arena, const uint8_t *pool) {
  switch (r->format & PE_DENSE_MASK) {
    PE_DENSE_CASES(dense_8, PE_FORMAT_WEIGHT_8)
    PE_DENSE_CASES(dense_16, PE_FORMAT_WEIGHT_16)
    PE_DENSE_CASES(dense_32, PE_FORMAT_WEIGHT_32)
    default:
      break;
  }
}
#else
PE_KERNEL(dense, pe_dense, r->format)
#endif

// Sums that tables read: 32 bits, with one shift or one for each row.
#define PE_STARTS_32 (PE_FORMAT_ACC_WIDE | PE_FORMAT_A_WIDE | PE_FORMAT_OUT_WIDE)
PE_KERNEL_OR_ONE(starts_8_32, pe_dense_starts, PE_FORMAT_WEIGHT_8 | PE_STARTS_32, 0u)
PE_KERNEL_OF(starts_8_32_rows, pe_dense_starts, PE_FORMAT_WEIGHT_8 | PE_STARTS_32, PE_FLAG_ROW_SHIFTS)
PE_KERNEL_OR_ONE(starts_16_32, pe_dense_starts, PE_FORMAT_WEIGHT_16 | PE_STARTS_32, 0u)
PE_KERNEL_OF(starts_16_32_rows, pe_dense_starts, PE_FORMAT_WEIGHT_16 | PE_STARTS_32, PE_FLAG_ROW_SHIFTS)
PE_KERNEL_OF(starts_8_16, pe_dense_starts, PE_FORMAT_WEIGHT_8 | PE_FORMAT_OUT_WIDE, 0u)
PE_KERNEL_OF(starts_8_16_rows, pe_dense_starts, PE_FORMAT_WEIGHT_8 | PE_FORMAT_OUT_WIDE, PE_FLAG_ROW_SHIFTS)
PE_KERNEL(starts_any, pe_dense_starts, r->format)

#define PE_DUAL_64 (PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_FORMAT_OUT_WIDE)
#define PE_DUAL_32 (PE_FORMAT_WEIGHT_16 | PE_FORMAT_OUT_WIDE)
PE_KERNEL_OR_ONE(dual_64, pe_dense_dual, PE_DUAL_64, 0u)
PE_KERNEL_OF(dual_64_rows, pe_dense_dual, PE_DUAL_64, PE_FLAG_ROW_SHIFTS)
PE_KERNEL_OR_ONE(dual_32, pe_dense_dual, PE_DUAL_32, 0u)
PE_KERNEL_OF(dual_32_rows, pe_dense_dual, PE_DUAL_32, PE_FLAG_ROW_SHIFTS)
PE_KERNEL(dual_any, pe_dense_dual, r->format)

PE_KERNEL(scale, pe_scale, r->format)

PE_KERNEL(block_8_16_64, pe_block, PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE | PE_OUT(r))
PE_KERNEL(block_16_16_64, pe_block, PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE | PE_OUT(r))
PE_KERNEL(block_any, pe_block, r->format)

PE_KERNEL_OR_ONE(linear_16_16, pe_map_linear, 0u, 0u)
PE_KERNEL_OR_ONE(linear_32_16, pe_map_linear, PE_FORMAT_A_WIDE, 0u)
PE_KERNEL(linear_any, pe_map_linear, r->format)

PE_KERNEL(polynomial, pe_map_polynomial, r->format)

PE_KERNEL_OF(horner_16_16, pe_map_horner, 0u, 0u)
PE_KERNEL_OR_ONE(horner_32_16, pe_map_horner, PE_FORMAT_A_WIDE, 0u)
PE_KERNEL(horner_any, pe_map_horner, r->format)

// Kernels without weights.
#define PE_KERNEL_ALONE(name, call)                                                  \
  PE_ALONE void name(const pe_record_t *r, void *arena, const uint8_t *pool) {       \
    (void)pool;                                                                      \
    call;                                                                            \
  }

PE_KERNEL_ALONE(add, pe_add(r, r->format, arena))
PE_KERNEL_ALONE(mul, pe_mul(r, r->format, arena))
PE_KERNEL_ALONE(copy, pe_copy(r, r->format, arena))
PE_KERNEL_ALONE(extremum, pe_extremum(r, r->format, arena, r->kind == PE_KIND_MIN ? 1u : 0u))
PE_KERNEL_ALONE(choose, pe_select(r, r->format, arena))

// Format and flags as one number.
#define PE_OF(format, flags) ((uint32_t)(format) | (uint32_t)(flags) << 8)

// Ways through these: what comes first is found with the fewest comparisons.
static void starts(const pe_record_t *r, void *arena, const uint8_t *pool) {
  const uint32_t choice = PE_CHOICE(PE_OF(r->format, r->flags));
  if (choice == PE_OF(PE_FORMAT_WEIGHT_16 | PE_STARTS_32, 0)) {
    starts_16_32(r, arena, pool);
  } else if (choice == PE_OF(PE_FORMAT_WEIGHT_8 | PE_STARTS_32, 0)) {
    starts_8_32(r, arena, pool);
  } else if (choice == PE_OF(PE_FORMAT_WEIGHT_8 | PE_FORMAT_OUT_WIDE, 0)) {
    starts_8_16(r, arena, pool);
  } else if (choice == PE_OF(PE_FORMAT_WEIGHT_16 | PE_STARTS_32, PE_FLAG_ROW_SHIFTS)) {
    starts_16_32_rows(r, arena, pool);
  } else if (choice == PE_OF(PE_FORMAT_WEIGHT_8 | PE_STARTS_32, PE_FLAG_ROW_SHIFTS)) {
    starts_8_32_rows(r, arena, pool);
  } else if (choice == PE_OF(PE_FORMAT_WEIGHT_8 | PE_FORMAT_OUT_WIDE, PE_FLAG_ROW_SHIFTS)) {
    starts_8_16_rows(r, arena, pool);
  } else {
    starts_any(r, arena, pool);
  }
}

static void dual(const pe_record_t *r, void *arena, const uint8_t *pool) {
  const uint32_t choice = PE_CHOICE(PE_OF(r->format, r->flags));
  if (choice == PE_OF(PE_DUAL_32, 0)) {
    dual_32(r, arena, pool);
  } else if (choice == PE_OF(PE_DUAL_64, 0)) {
    dual_64(r, arena, pool);
  } else if (choice == PE_OF(PE_DUAL_32, PE_FLAG_ROW_SHIFTS)) {
    dual_32_rows(r, arena, pool);
  } else if (choice == PE_OF(PE_DUAL_64, PE_FLAG_ROW_SHIFTS)) {
    dual_64_rows(r, arena, pool);
  } else {
    dual_any(r, arena, pool);
  }
}

static void block(const pe_record_t *r, void *arena, const uint8_t *pool) {
  const uint32_t choice = PE_CHOICE((uint32_t)r->format & ~PE_FORMAT_OUT_WIDE);
  if (choice == (PE_FORMAT_WEIGHT_8 | PE_FORMAT_ACC_WIDE)) {
    block_8_16_64(r, arena, pool);
  } else if (choice == (PE_FORMAT_WEIGHT_16 | PE_FORMAT_ACC_WIDE)) {
    block_16_16_64(r, arena, pool);
  } else {
    block_any(r, arena, pool);
  }
}

static void linear(const pe_record_t *r, void *arena, const uint8_t *pool) {
  const uint32_t choice = PE_CHOICE(PE_OF(r->format, r->flags));
  if (choice == PE_OF(PE_FORMAT_A_WIDE, 0)) {
    linear_32_16(r, arena, pool);
  } else if (choice == PE_OF(0, 0)) {
    linear_16_16(r, arena, pool);
  } else {
    linear_any(r, arena, pool);
  }
}

static void horner(const pe_record_t *r, void *arena, const uint8_t *pool) {
  const uint32_t choice = PE_CHOICE(PE_OF(r->format, r->flags));
  if (choice == PE_OF(PE_FORMAT_A_WIDE, 0)) {
    horner_32_16(r, arena, pool);
  } else if (choice == PE_OF(0, 0)) {
    horner_16_16(r, arena, pool);
  } else {
    horner_any(r, arena, pool);
  }
}

// Of kinds that kernels in C do not have.
static void nothing(const pe_record_t *r, void *arena, const uint8_t *pool) {
  (void)r;
  (void)arena;
  (void)pool;
}

#if PE_HAS_SPLINES
PE_SPARING void spline(const pe_record_t *r, void *arena, const uint8_t *pool) {
  pe_spline(r, r->format, arena, pool);
}
#else
#define spline nothing
#endif

typedef void (*kernel_t)(const pe_record_t *r, void *arena, const uint8_t *pool);

// By kind, of which the check lets no other through.
static const kernel_t kernels[] = {
    nothing, dense, scale, linear, polynomial, add, mul, copy, extremum, extremum, choose, nothing, nothing, block, dual,
    starts, horner, spline,
};
typedef char pe_every_kind_has_a_kernel[sizeof kernels / sizeof kernels[0] == PE_KIND_SPLINE + 1u ? 1 : -1];

uint32_t pe_walk(const void *table, void *arena) {
  const uint8_t *bytes = (const uint8_t *)table;
  const pe_header_t *header = (const pe_header_t *)table;
  const pe_record_t *record = (const pe_record_t *)(const void *)(bytes + header->records_offset);
  const pe_input_t *ranges = (const pe_input_t *)(const void *)(bytes + PE_HEADER_BYTES);
  const uint8_t *pool = bytes + header->pool_offset;
  // What kernels write cannot be seen to leave the header alone.
  const pe_record_t *const end = record + header->record_count;
  const uint32_t status = pe_hold_inputs(ranges, header->input_count, arena);
  for (; record != end; record++) kernels[record->kind](record, arena, pool);
  return status;
}
