#include "pe_table.h"

#include <stdbool.h>

#include "pe_crc32.h"
#include "pe_kernels.h"

// What is known of a table when its records are checked.
typedef struct {
  const uint8_t *pool;
  uint32_t pool_bytes;
  uint32_t arena_bytes;
  uint32_t first_result;  // arena offset behind the input words
} pe_limits_t;

// Whether `count` elements of `bytes` bytes at offset `at` are aligned and lie within `size`.
static bool is_inside(uint32_t at, uint32_t count, uint32_t bytes, uint32_t size) {
  return at % bytes == 0u && (uint64_t)at + (uint64_t)count * bytes <= size;
}

static bool has_starts(uint32_t kind) { return kind == PE_KIND_DENSE_DUAL || kind == PE_KIND_DENSE_STARTS; }

static bool is_matrix(uint32_t kind) { return kind == PE_KIND_DENSE || has_starts(kind) || kind == PE_KIND_BLOCK; }

static bool is_weighted(uint32_t kind) {
  return is_matrix(kind) || kind == PE_KIND_SCALE;
}

static bool is_map(uint32_t kind) {
  return kind == PE_KIND_MAP_LINEAR || kind == PE_KIND_MAP_POLYNOMIAL || kind == PE_KIND_MAP_HORNER;
}

static bool is_binary(uint32_t kind) {
  return kind == PE_KIND_ADD || kind == PE_KIND_MUL || kind == PE_KIND_MIN || kind == PE_KIND_MAX ||
         kind == PE_KIND_SELECT;
}

static bool is_spline(uint32_t kind) { return PE_HAS_SPLINES && kind == PE_KIND_SPLINE; }

static bool is_known(uint32_t kind) {
  return is_weighted(kind) || is_map(kind) || is_binary(kind) || kind == PE_KIND_COPY || is_spline(kind);
}

static uint32_t allowed_format(uint32_t kind) {
  const uint32_t wide_one = PE_FORMAT_A_WIDE | PE_FORMAT_OUT_WIDE;
  const uint32_t wide_two = wide_one | PE_FORMAT_B_WIDE | PE_FORMAT_ACC_WIDE;
  switch (kind) {
    case PE_KIND_DENSE:
    case PE_KIND_DENSE_STARTS:
    case PE_KIND_SCALE:
    case PE_KIND_BLOCK:
      return wide_one | PE_FORMAT_ACC_WIDE | PE_FORMAT_WEIGHT_MASK;
    case PE_KIND_DENSE_DUAL:
      return PE_FORMAT_OUT_WIDE | PE_FORMAT_ACC_WIDE | PE_FORMAT_WEIGHT_16;
    case PE_KIND_COPY:
      return wide_one | PE_FORMAT_ACC_WIDE;
    case PE_KIND_SPLINE:
      return wide_one | PE_FORMAT_ACC_WIDE | PE_FORMAT_WEIGHT_16;
    case PE_KIND_SELECT:
      return wide_two | PE_FORMAT_WEIGHT_MASK;
    default:
      return is_map(kind) ? wide_one : wide_two;
  }
}

static uint32_t allowed_flags(uint32_t kind) {
  switch (kind) {
    case PE_KIND_DENSE:
    case PE_KIND_DENSE_DUAL:
    case PE_KIND_DENSE_STARTS:
      return PE_FLAG_WRAP | PE_FLAG_ROW_SHIFTS;
    case PE_KIND_SCALE:
      return PE_FLAG_WRAP | PE_FLAG_ROW_SHIFTS | PE_FLAG_BROADCAST_A;
    case PE_KIND_BLOCK:
      return PE_FLAG_WRAP | PE_FLAG_ROW_SHIFTS | PE_FLAG_FIRST | PE_FLAG_LAST;
    case PE_KIND_MAP_LINEAR:
      return PE_FLAG_PERIODIC;
    case PE_KIND_MAP_POLYNOMIAL:
    case PE_KIND_MAP_HORNER:
      return PE_FLAG_PERIODIC | PE_FLAG_OCTAVES | PE_FLAG_MIRRORED;
    case PE_KIND_ADD:
    case PE_KIND_MUL:
      return PE_FLAG_SUBTRACT | PE_FLAG_BROADCAST_A | PE_FLAG_BROADCAST_B;
    case PE_KIND_SELECT:
      return PE_FLAG_BROADCAST_A | PE_FLAG_BROADCAST_B | PE_FLAG_BROADCAST_CONDITION;
    case PE_KIND_COPY:
    case PE_KIND_SPLINE:
      return 0u;
    default:
      return PE_FLAG_BROADCAST_A | PE_FLAG_BROADCAST_B;
  }
}

// Bits that a kind does not use must be zero, so that a record has one meaning.
static bool has_known_format(const pe_record_t *r) {
  const uint32_t weight = r->format & PE_FORMAT_WEIGHT_MASK;
  if (r->kind == PE_KIND_SELECT && weight != PE_FORMAT_WEIGHT_16 && weight != PE_FORMAT_WEIGHT_32) return false;
  if (r->kind == PE_KIND_DENSE_DUAL && weight != PE_FORMAT_WEIGHT_16) return false;
  return r->rows != 0u && (r->format & ~allowed_format(r->kind)) == 0u && (r->flags & ~allowed_flags(r->kind)) == 0u;
}

static uint32_t width(const pe_record_t *r, uint32_t bit) { return (r->format & bit) != 0u ? 4u : 2u; }

static uint32_t check_operands(const pe_record_t *r, const pe_limits_t *limits) {
  const uint32_t size = limits->arena_bytes;
  const uint32_t rows = r->rows;
  const bool is_block = r->kind == PE_KIND_BLOCK;
  const bool has_axes = is_spline(r->kind);
  const uint32_t a_count = is_matrix(r->kind) || has_axes ? r->cols : (r->flags & PE_FLAG_BROADCAST_A) != 0u ? 1u : rows;
  const uint32_t b_elements = (r->flags & PE_FLAG_BROADCAST_B) != 0u ? 1u : rows;
  const uint32_t words = r->cols * (r->shift_a + 1u);
  const uint32_t b_count = is_block ? rows : has_axes ? words : is_binary(r->kind) ? b_elements : 0u;
  const uint32_t b_bytes = is_block ? 2u * width(r, PE_FORMAT_ACC_WIDE) : has_axes ? 4u : width(r, PE_FORMAT_B_WIDE);
  const uint32_t out = 2u * (uint32_t)r->out;
  if (!is_inside(2u * (uint32_t)r->a, a_count, width(r, PE_FORMAT_A_WIDE), size)) return PE_CHECK_OPERAND_A;
  if (!is_inside(2u * (uint32_t)r->b, b_count, b_bytes, size)) return PE_CHECK_OPERAND_B;
  // Results may not overwrite the input words, so that a run can be repeated.
  if (!is_inside(out, rows, width(r, PE_FORMAT_OUT_WIDE), size) || out < limits->first_result) return PE_CHECK_RESULT;
  if (r->kind == PE_KIND_SELECT) {
    const uint32_t bytes = (r->format & PE_FORMAT_WEIGHT_MASK) == PE_FORMAT_WEIGHT_16 ? 2u : 4u;
    const uint32_t count = (r->flags & PE_FLAG_BROADCAST_CONDITION) != 0u ? 1u : rows;
    if (!is_inside(2u * (uint32_t)r->cols, count, bytes, size)) return PE_CHECK_CONDITION;
  }
  return PE_CHECK_OK;
}

static uint32_t magnitude(int32_t number) { return number < 0 ? -(uint32_t)number : (uint32_t)number; }

// Whether the magnitudes of every segment's coefficients, which bound what Horner's rule makes of them, sum up to less
// than 2^30.
static bool partial_sums_fit(const pe_record_t *r, const pe_limits_t *limits) {
  const int32_t *coefficients = (const int32_t *)(const void *)(limits->pool + r->weights);
  const uint32_t terms = r->bias + 1u;
  for (uint32_t segment = 0; segment < r->cols; segment++) {
    uint32_t room = ((uint32_t)1u << PE_LIMIT_MAX_HORNER_BITS) - 1u;
    for (uint32_t k = 0; k < terms; k++) {
      const uint32_t size = magnitude(*coefficients++);
      if (size > room) return false;
      room -= size;
    }
  }
  return true;
}

static uint32_t check_map(const pe_record_t *r, const pe_limits_t *limits) {
  const bool is_linear = r->kind == PE_KIND_MAP_LINEAR;
  const uint32_t degree = r->bias;
  const uint32_t octave_bits = r->row_shifts;
  if (r->shift < 1u || r->shift > 31u || r->shift_a > 31u || r->shift_b > 31u) return PE_CHECK_SHIFT;
  if (r->cols < 1u || (!is_linear && (degree < 1u || degree > PE_LIMIT_MAX_DEGREE))) return PE_CHECK_TABLE;
  const uint64_t reach = (uint64_t)r->cols << r->shift;
  if ((r->flags & PE_FLAG_PERIODIC) != 0u) {
    if (reach != (uint64_t)1u << 32 || (r->flags & PE_FLAG_OCTAVES) != 0u) return PE_CHECK_TABLE;
  } else if ((r->flags & PE_FLAG_OCTAVES) != 0u) {
    if (octave_bits > PE_LIMIT_MAX_OCTAVE_BITS || (r->cols & (((uint32_t)1u << octave_bits) - 1u)) != 0u) {
      return PE_CHECK_TABLE;
    }
    if (r->shift + octave_bits + ((uint32_t)r->cols >> octave_bits) > 32u) return PE_CHECK_TABLE;
  } else if (reach > (uint64_t)1u << 31) {
    return PE_CHECK_TABLE;
  }
  const uint32_t entries = is_linear ? r->cols + 1u : r->cols * (degree + 1u);
  const uint32_t bytes = is_linear ? width(r, PE_FORMAT_OUT_WIDE) : 4u;
  if (!is_inside(r->weights, entries, bytes, limits->pool_bytes)) return PE_CHECK_TABLE;
  return r->kind != PE_KIND_MAP_HORNER || partial_sums_fit(r, limits) ? PE_CHECK_OK : PE_CHECK_TABLE;
}

// Products of 2^shift_b neighbouring columns, and of any two, fit an int32: sum |w| times 2^15 is below 2^31.
static bool groups_fit(const pe_record_t *r, const int16_t *weights) {
  const uint32_t group = (uint32_t)1u << r->shift_b;
  const uint32_t pairs = r->rows & ~(uint32_t)1u;
  for (uint32_t row = 0; row < r->rows; row++) {
    // The row's first weight, and the distance from one of its quads of columns to the next.
    const int16_t *w = weights + (row < pairs ? (row & ~(uint32_t)1u) * r->cols + 4u * (row & 1u) : row * r->cols);
    const uint32_t step = row < pairs ? 8u : 4u;
    uint32_t sum = 0;
    for (uint32_t c = 0; c < r->cols; c += 4u, w += step) {
      const uint32_t first = magnitude(w[0]) + magnitude(w[1]);
      const uint32_t second = magnitude(w[2]) + magnitude(w[3]);
      if ((c & (group - 1u)) == 0u) sum = 0;
      // Groups of two are the smallest.
      sum = group == 2u && first > second ? first : group == 2u ? second : sum + first + second;
      if (sum > 65535u) return false;
    }
  }
  return true;
}

static uint32_t check_dual(const pe_record_t *r, const pe_limits_t *limits) {
  const bool is_aligned = (r->cols & 3u) == 0u && (r->a & 1u) == 0u && (r->weights & 3u) == 0u;
  if (!is_aligned) return PE_CHECK_DUAL;
  if ((r->format & PE_FORMAT_ACC_WIDE) == 0u) return r->shift_b == 0u ? PE_CHECK_OK : PE_CHECK_DUAL;
  if (r->shift_b < 1u || r->shift_b > 16u) return PE_CHECK_DUAL;
  const int16_t *weights = (const int16_t *)(const void *)(limits->pool + r->weights);
  return groups_fit(r, weights) ? PE_CHECK_OK : PE_CHECK_DUAL;
}

static uint32_t max_shift(const pe_record_t *r) {
  if ((r->format & PE_FORMAT_ACC_WIDE) == 0u) return PE_LIMIT_MAX_SHIFT_32;
  return has_starts(r->kind) ? PE_LIMIT_MAX_SHIFT_STARTS : PE_LIMIT_MAX_SHIFT_64;
}

// Accumulators are written like results; products are shifted left within their accumulator.
static uint32_t check_block(const pe_record_t *r, const pe_limits_t *limits) {
  if (2u * (uint32_t)r->b < limits->first_result || r->shift_b > max_shift(r)) return PE_CHECK_BLOCK;
  if ((r->flags & PE_FLAG_ROW_SHIFTS) == 0u) return PE_CHECK_OK;
  if (!is_inside(r->row_shifts, r->rows, 1u, limits->pool_bytes)) return PE_CHECK_ROW_SHIFTS;
  const uint8_t *shifts = limits->pool + r->row_shifts;
  for (uint32_t i = 0; i < r->rows; i++) {
    if (shifts[i] > max_shift(r)) return PE_CHECK_BLOCK;
  }
  return PE_CHECK_OK;
}

static uint32_t check_weights(const pe_record_t *r, const pe_limits_t *limits, uint32_t min_shift) {
  const uint32_t code = r->format & PE_FORMAT_WEIGHT_MASK;
  const uint32_t bytes = code == PE_FORMAT_WEIGHT_8 ? 1u : code == PE_FORMAT_WEIGHT_16 ? 2u : 4u;
  const uint32_t count = r->kind == PE_KIND_SCALE ? r->rows : (uint32_t)r->rows * r->cols;
  if (!is_inside(r->weights, count, bytes, limits->pool_bytes)) return PE_CHECK_WEIGHTS;
  const bool has_bias = r->kind != PE_KIND_BLOCK || (r->flags & PE_FLAG_FIRST) != 0u;
  // Starts of 64 bits are read as two words.
  const uint32_t words = has_starts(r->kind) && (r->format & PE_FORMAT_ACC_WIDE) != 0u ? 2u : 1u;
  if (has_bias && !is_inside(r->bias, words * r->rows, 4u, limits->pool_bytes)) return PE_CHECK_BIAS;
  if (has_starts(r->kind) && r->shift_a != 0u) return PE_CHECK_BIAS;
  if (r->kind == PE_KIND_BLOCK) return check_block(r, limits);
  if ((r->flags & PE_FLAG_ROW_SHIFTS) != 0u) {
    if (!is_inside(r->row_shifts, r->rows, 1u, limits->pool_bytes)) return PE_CHECK_ROW_SHIFTS;
    const uint8_t *shifts = limits->pool + r->row_shifts;
    for (uint32_t i = 0; i < r->rows; i++) {
      if (shifts[i] < min_shift || shifts[i] > max_shift(r)) return PE_CHECK_ROW_SHIFTS;
    }
  }
  return r->kind == PE_KIND_DENSE_DUAL ? check_dual(r, limits) : PE_CHECK_OK;
}

// Words for basis functions are written like results; positions, segments and sums stay within what the kernel holds.
static uint32_t check_spline(const pe_record_t *r, const pe_limits_t *limits) {
  static const uint8_t factorial_bits[PE_LIMIT_MAX_DEGREE + 1u] = {0, 1, 2, 3, 5, 7};
  const uint32_t degree = r->shift_a;
  if (r->shift > PE_LIMIT_MAX_SHIFT_64 || r->shift_b > 31u) return PE_CHECK_SHIFT;
  if (r->cols - 1u >= PE_LIMIT_MAX_SPLINE_AXES || degree - 1u >= PE_LIMIT_MAX_DEGREE) return PE_CHECK_SPLINE;
  if (2u * (uint32_t)r->b < limits->first_result) return PE_CHECK_SPLINE;
  if (!is_inside(r->bias, r->cols * (PE_AXIS_BYTES / 4u), 4u, limits->pool_bytes)) return PE_CHECK_SPLINE;
  const pe_axis_t *axes = (const pe_axis_t *)(const void *)(limits->pool + r->bias);
  const uint32_t bytes = (r->format & PE_FORMAT_WEIGHT_MASK) == PE_FORMAT_WEIGHT_8 ? 1u : 2u;
  uint32_t bits = 8u * bytes - 1u;  // of the sums so far, from the last axis on
  uint64_t count = r->rows;         // below 2^47
  for (uint32_t k = r->cols; k-- > 0u;) {
    const pe_axis_t *axis = &axes[k];
    const bool has_factor = axis->factor > 0 && axis->factor < (int32_t)1 << PE_LIMIT_MAX_SPLINE_FACTOR_BITS;
    if (axis->segments - 1u >= PE_LIMIT_MAX_SPLINE_SEGMENTS || !has_factor) return PE_CHECK_SPLINE;
    if (axis->shift > PE_LIMIT_MAX_SHIFT_64 || axis->order > degree) return PE_CHECK_SPLINE;
    bits += PE_LIMIT_SPLINE_BITS + factorial_bits[degree] + axis->order;
    if (bits > PE_LIMIT_MAX_SPLINE_SUM_BITS) return PE_CHECK_SPLINE;
    bits = bits > r->shift_b ? bits - r->shift_b : 0u;
    count *= axis->segments + degree;
  }
  if (count > limits->pool_bytes || !is_inside(r->weights, (uint32_t)count, bytes, limits->pool_bytes)) {
    return PE_CHECK_WEIGHTS;
  }
  return PE_CHECK_OK;
}

static uint32_t check_record(const pe_record_t *r, const pe_limits_t *limits) {
  if (!is_known(r->kind)) return PE_CHECK_KIND;
  if (!has_known_format(r)) return PE_CHECK_FORMAT;
  const uint32_t failed = check_operands(r, limits);
  if (failed != PE_CHECK_OK) return failed;
  if (is_map(r->kind)) return check_map(r, limits);
  if (is_spline(r->kind)) return check_spline(r, limits);
  const uint32_t guarded = r->shift_a > 1u ? r->shift_a : 1u;
  const uint32_t min_shift = is_weighted(r->kind) ? guarded : 0u;
  if (r->shift < min_shift || r->shift > max_shift(r) || r->shift_a > 31u || r->shift_b > 31u) return PE_CHECK_SHIFT;
  return is_weighted(r->kind) ? check_weights(r, limits, min_shift) : PE_CHECK_OK;
}

static uint32_t check_header(const uint8_t *table, uint32_t bytes, uint32_t arena_capacity, bool is_intact) {
  const pe_header_t *h = (const pe_header_t *)(const void *)table;
  if (bytes < PE_HEADER_BYTES) return PE_CHECK_SIZE;
  if (h->magic != PE_MAGIC) return PE_CHECK_MAGIC;
  if (h->version != PE_FORMAT_VERSION) return PE_CHECK_VERSION;
  if (h->total_bytes != bytes) return PE_CHECK_SIZE;
  const uint32_t crc_start = PE_HEADER_CRC + 4u;
  if (!is_intact && h->crc != pe_crc32(table + crc_start, bytes - crc_start)) return PE_CHECK_CRC;
  const uint32_t records_offset =
      PE_HEADER_BYTES + (uint32_t)h->input_count * PE_INPUT_BYTES + (uint32_t)h->output_count * PE_OUTPUT_BYTES;
  const uint32_t pool_offset = records_offset + (uint32_t)h->record_count * PE_RECORD_BYTES;
  const bool is_laid_out = h->header_bytes == PE_HEADER_BYTES && h->reserved == 0u && h->input_count != 0u &&
                           h->output_count != 0u && h->records_offset == records_offset &&
                           h->pool_offset == pool_offset && (h->pool_bytes & 3u) == 0u && pool_offset <= bytes &&
                           h->pool_bytes == bytes - pool_offset;
  if (!is_laid_out) return PE_CHECK_LAYOUT;
  const uint32_t words = (uint32_t)h->input_count + h->output_count;
  const bool has_room = h->arena_bytes >= 4u * words && h->arena_bytes <= arena_capacity && (h->arena_bytes & 3u) == 0u;
  return has_room ? PE_CHECK_OK : PE_CHECK_ARENA;
}

static uint32_t check_table(const void *table, uint32_t bytes, uint32_t arena_capacity, bool is_intact) {
  const uint8_t *at = (const uint8_t *)table;
  const uint32_t failed = check_header(at, bytes, arena_capacity, is_intact);
  if (failed != PE_CHECK_OK) return failed;
  const pe_header_t *h = (const pe_header_t *)table;
  const pe_input_t *inputs = (const pe_input_t *)(const void *)(at + PE_HEADER_BYTES);
  for (uint32_t i = 0; i < h->input_count; i++) {
    if (inputs[i].min > inputs[i].max) return PE_CHECK_INPUTS;
  }
  const pe_limits_t limits = {at + h->pool_offset, h->pool_bytes, h->arena_bytes, 4u * (uint32_t)h->input_count};
  const pe_record_t *records = (const pe_record_t *)(const void *)(at + h->records_offset);
  for (uint32_t i = 0; i < h->record_count; i++) {
    const uint32_t check = check_record(&records[i], &limits);
    if (check != PE_CHECK_OK) return check;
  }
  return PE_CHECK_OK;
}

uint32_t pe_table_check(const void *table, uint32_t bytes, uint32_t arena_capacity) {
  return check_table(table, bytes, arena_capacity, false);
}

uint32_t pe_table_check_intact(const void *table, uint32_t bytes, uint32_t arena_capacity) {
  return check_table(table, bytes, arena_capacity, true);
}

uint64_t pe_table_steps(const void *table) {
  const uint8_t *at = (const uint8_t *)table;
  const pe_header_t *h = (const pe_header_t *)table;
  const pe_record_t *records = (const pe_record_t *)(const void *)(at + h->records_offset);
  uint64_t steps = 0;  // at most 2^16 records of 2^32
  for (uint32_t i = 0; i < h->record_count; i++) {
    const pe_record_t *r = &records[i];
    // A spline has at most 3 axes of 5 basis functions each, and reads at most 6 x 6 x 6 coefficients for a result.
    const uint32_t most = is_spline(r->kind) ? 256u : 1u;
    steps += (uint64_t)r->rows * (is_matrix(r->kind) ? 1u + (uint32_t)r->cols : most);
  }
  return steps;
}
