// Answers of a block table at many points, on this machine: its words in, its words out.
//
//   many-points <table file> < int32 [points x inputs] > int32 [points x outputs]
//
// Records are walked in the same order as on devices and by the same kernels, but each for a batch of points before the
// next one; the kernel with most of the products, of DENSE records, is one of its own, in which the points of the batch lie
// side by side, so that a compiler makes vectors of them. Its sums are the same modulo 2^32 or 2^64, and it finishes rows as
// theirs do.
#define pe_walk pe_walk_one
#include "pe_kernels.c"
#undef pe_walk

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe_table.h"

// Points of a batch.
#define LANES 64

struct batch {
  uint8_t *arenas;  // one for each point
  size_t arena_bytes;
  int32_t *columns;  // [cols x LANES], operand a of a DENSE record, on the boundary of a vector
  int32_t **weights;  // of each DENSE record, once it was met
};

static void *arena_of(const struct batch *batch, size_t lane) { return batch->arenas + lane * batch->arena_bytes; }

static void *must(void *memory) {
  if (memory != NULL) return memory;
  fputs("many-points: no memory left\n", stderr);
  exit(1);
}

static void gather(const struct batch *batch, const pe_record_t *r) {
  for (size_t lane = 0; lane < LANES; lane++) {
    const void *x = pe_operand(arena_of(batch, lane), r->a);
    if ((r->format & PE_FORMAT_A_WIDE) != 0u) {
      for (pe_count_t col = 0; col < r->cols; col++) batch->columns[col * LANES + lane] = pe_load(x, col, 1u);
    } else {
      for (pe_count_t col = 0; col < r->cols; col++) batch->columns[col * LANES + lane] = pe_load(x, col, 0u);
    }
  }
}

// The sums of a row, of vectors that a compiler knows: those of 32 bits, and of 64.
typedef uint32_t words_t __attribute__((vector_size(64)));
typedef int64_t wides_t __attribute__((vector_size(128)));
#define VECTORS (LANES / 16)

// A row with sums of 32 bits: pe_dense's branch without PE_FORMAT_ACC_WIDE.
static void row_32(const struct batch *batch, const pe_record_t *r, const int32_t *weights, const uint8_t *pool,
                   pe_count_t row) {
  const uint32_t shift = pe_row_shift(r, pool, row);
  const pe_wide_t *bias = (const pe_wide_t *)(const void *)(pool + r->bias);
  const uint32_t start = ((uint32_t)pe_flash_32(bias + row) << (shift - r->shift_a)) + (uint32_t)pe_half(shift);
  const uint32_t out_wide = r->format & PE_FORMAT_OUT_WIDE;
  const bool as_is = (r->flags & PE_FLAG_WRAP) != 0u || out_wide != 0u;
  union {
    words_t vectors[VECTORS];
    uint32_t lanes[LANES];
  } sums;
  words_t sum[VECTORS];
  for (size_t v = 0; v < VECTORS; v++) sum[v] = start - (words_t){0};
  for (pe_count_t col = 0; col < r->cols; col++) {
    const words_t *x = (const words_t *)(const void *)(batch->columns + (size_t)col * LANES);
    for (size_t v = 0; v < VECTORS; v++) sum[v] += x[v] * (uint32_t)weights[col];
  }
  memcpy(sums.vectors, sum, sizeof sum);
  for (size_t lane = 0; lane < LANES; lane++) {
    const int32_t value = (int32_t)sums.lanes[lane] >> shift;
    pe_store(pe_operand(arena_of(batch, lane), r->out), row, out_wide, as_is ? value : pe_saturate_narrow(value));
  }
}

// A row with sums of 64 bits.
static void row_64(const struct batch *batch, const pe_record_t *r, const int32_t *weights, const uint8_t *pool,
                   pe_count_t row) {
  const uint32_t shift = pe_row_shift(r, pool, row);
  const pe_wide_t *bias = (const pe_wide_t *)(const void *)(pool + r->bias);
  const int64_t start = (int64_t)(pe_shift_left(pe_flash_32(bias + row), shift - r->shift_a) + pe_half(shift));
  typedef int32_t narrow_t __attribute__((vector_size(64)));
  union {
    wides_t vectors[VECTORS];
    uint64_t lanes[LANES];
  } sums;
  wides_t sum[VECTORS];
  for (size_t v = 0; v < VECTORS; v++) sum[v] = start - (wides_t){0};
  for (pe_count_t col = 0; col < r->cols; col++) {
    const narrow_t *x = (const narrow_t *)(const void *)(batch->columns + (size_t)col * LANES);
    for (size_t v = 0; v < VECTORS; v++) sum[v] += __builtin_convertvector(x[v], wides_t) * (int64_t)weights[col];
  }
  memcpy(sums.vectors, sum, sizeof sum);
  for (size_t lane = 0; lane < LANES; lane++) {
    void *y = pe_operand(arena_of(batch, lane), r->out);
    pe_store_shifted(y, row, r->format & PE_FORMAT_OUT_WIDE, sums.lanes[lane], shift, r->flags & PE_FLAG_WRAP);
  }
}

static void dense_lanes(const struct batch *batch, const pe_record_t *r, const int32_t *weights, const uint8_t *pool) {
  gather(batch, r);
  for (pe_count_t row = 0; row < r->rows; row++) {
    if ((r->format & PE_FORMAT_ACC_WIDE) != 0u) {
      row_64(batch, r, weights + (size_t)row * r->cols, pool, row);
    } else {
      row_32(batch, r, weights + (size_t)row * r->cols, pool, row);
    }
  }
}

// The weights of a DENSE record as words.
static int32_t *weights_of(const pe_record_t *r, const uint8_t *pool) {
  const size_t row_bytes = (size_t)r->cols * pe_weight_bytes(r->format);
  int32_t *weights = must(malloc(4u * r->rows * (size_t)r->cols + 1u));
  for (pe_count_t row = 0; row < r->rows; row++) {
    for (pe_count_t col = 0; col < r->cols; col++) {
      weights[(size_t)row * r->cols + col] = pe_weight(pool + r->weights + row * row_bytes, col, r->format);
    }
  }
  return weights;
}

static void walk_batch(const struct batch *batch, const uint8_t *table) {
  const pe_header_t *header = (const pe_header_t *)(const void *)table;
  const pe_record_t *record = (const pe_record_t *)(const void *)(table + header->records_offset);
  const pe_input_t *ranges = (const pe_input_t *)(const void *)(table + PE_HEADER_BYTES);
  const uint8_t *pool = table + header->pool_offset;
  for (size_t lane = 0; lane < LANES; lane++) pe_hold_inputs(ranges, header->input_count, arena_of(batch, lane));
  for (size_t k = 0; k < header->record_count; k++, record++) {
    if (record->kind == PE_KIND_DENSE) {
      if (batch->weights[k] == NULL) batch->weights[k] = weights_of(record, pool);
      dense_lanes(batch, record, batch->weights[k], pool);
      continue;
    }
    for (size_t lane = 0; lane < LANES; lane++) kernels[record->kind](record, arena_of(batch, lane), pool);
  }
}

static uint8_t *read_table(const char *path, uint32_t *bytes) {
  FILE *file = must(fopen(path, "rb"));
  fseek(file, 0, SEEK_END);
  *bytes = (uint32_t)ftell(file);
  rewind(file);
  uint8_t *table = must(malloc(*bytes + 1u));
  if (fread(table, 1, *bytes, file) != *bytes) exit(1);
  fclose(file);
  return table;
}

int main(int count, char **arguments) {
  uint32_t bytes = 0;
  uint8_t *table = count == 2 ? read_table(arguments[1], &bytes) : NULL;
  const uint32_t check = table == NULL ? UINT32_MAX : pe_table_check(table, bytes, UINT32_MAX);
  if (check != PE_CHECK_OK) {
    fprintf(stderr, "many-points: no table, or check %u refuses it\n", (unsigned)check);
    return 2;
  }
  const pe_header_t *header = (const pe_header_t *)(const void *)table;
  const size_t in_bytes = 4u * header->input_count;
  const size_t out_bytes = 4u * header->output_count;
  struct batch batch = {.arena_bytes = (header->arena_bytes + 63u) & ~(size_t)63u};
  batch.arenas = must(calloc(LANES, batch.arena_bytes));
  batch.columns = must(aligned_alloc(64, ((size_t)UINT16_MAX + 1u) * 4u * LANES));
  batch.weights = must(calloc(header->record_count + 1u, sizeof *batch.weights));
  uint8_t *inputs = must(malloc(LANES * in_bytes));
  uint8_t *outputs = must(malloc(LANES * out_bytes));
  for (;;) {
    const size_t points = fread(inputs, in_bytes, LANES, stdin);
    if (points == 0) break;
    for (size_t lane = 0; lane < points; lane++) memcpy(arena_of(&batch, lane), inputs + lane * in_bytes, in_bytes);
    walk_batch(&batch, table);
    for (size_t lane = 0; lane < points; lane++) {
      memcpy(outputs + lane * out_bytes, (uint8_t *)arena_of(&batch, lane) + in_bytes, out_bytes);
    }
    if (fwrite(outputs, out_bytes, points, stdout) != points) return 1;
  }
  return 0;
}
