/* Generated from compiler/table/specification.ts by `npm run format:generate`; do not edit. */
#ifndef PE_FORMAT_GEN_H
#define PE_FORMAT_GEN_H
#include <stdint.h>

#define PE_MAGIC 0x54424550u
#define PE_FORMAT_VERSION 0x1u
#define PE_HEADER_BYTES 0x28u
#define PE_HEADER_MAGIC 0x0u
#define PE_HEADER_VERSION 0x4u
#define PE_HEADER_HEADER_BYTES 0x6u
#define PE_HEADER_TOTAL_BYTES 0x8u
#define PE_HEADER_CRC 0xcu
#define PE_HEADER_RECORD_COUNT 0x10u
#define PE_HEADER_INPUT_COUNT 0x12u
#define PE_HEADER_OUTPUT_COUNT 0x14u
#define PE_HEADER_RESERVED 0x16u
#define PE_HEADER_ARENA_BYTES 0x18u
#define PE_HEADER_RECORDS_OFFSET 0x1cu
#define PE_HEADER_POOL_OFFSET 0x20u
#define PE_HEADER_POOL_BYTES 0x24u
#define PE_INPUT_BYTES 0xcu
#define PE_INPUT_MIN 0x0u
#define PE_INPUT_MAX 0x4u
#define PE_INPUT_EXPONENT 0x8u
#define PE_OUTPUT_BYTES 0x4u
#define PE_OUTPUT_EXPONENT 0x0u
#define PE_RECORD_BYTES 0x20u
#define PE_RECORD_KIND 0x0u
#define PE_RECORD_FORMAT 0x1u
#define PE_RECORD_FLAGS 0x2u
#define PE_RECORD_SHIFT 0x3u
#define PE_RECORD_ROWS 0x4u
#define PE_RECORD_COLS 0x6u
#define PE_RECORD_A 0x8u
#define PE_RECORD_B 0xau
#define PE_RECORD_OUT 0xcu
#define PE_RECORD_SHIFT_A 0xeu
#define PE_RECORD_SHIFT_B 0xfu
#define PE_RECORD_WEIGHTS 0x10u
#define PE_RECORD_BIAS 0x14u
#define PE_RECORD_ROW_SHIFTS 0x18u
#define PE_RECORD_ORIGIN 0x1cu
#define PE_AXIS_BYTES 0xcu
#define PE_AXIS_ORIGIN 0x0u
#define PE_AXIS_FACTOR 0x4u
#define PE_AXIS_SEGMENTS 0x8u
#define PE_AXIS_SHIFT 0xau
#define PE_AXIS_ORDER 0xbu
#define PE_KIND_DENSE 0x1u
#define PE_KIND_SCALE 0x2u
#define PE_KIND_MAP_LINEAR 0x3u
#define PE_KIND_MAP_POLYNOMIAL 0x4u
#define PE_KIND_ADD 0x5u
#define PE_KIND_MUL 0x6u
#define PE_KIND_COPY 0x7u
#define PE_KIND_MIN 0x8u
#define PE_KIND_MAX 0x9u
#define PE_KIND_SELECT 0xau
#define PE_KIND_LANES 0xbu
#define PE_KIND_MAP_SLOPES 0xcu
#define PE_KIND_BLOCK 0xdu
#define PE_KIND_DENSE_DUAL 0xeu
#define PE_KIND_DENSE_STARTS 0xfu
#define PE_KIND_MAP_HORNER 0x10u
#define PE_KIND_SPLINE 0x11u
#define PE_FORMAT_A_WIDE 0x1u
#define PE_FORMAT_B_WIDE 0x2u
#define PE_FORMAT_OUT_WIDE 0x4u
#define PE_FORMAT_ACC_WIDE 0x8u
#define PE_FORMAT_WEIGHT_MASK 0x30u
#define PE_FORMAT_WEIGHT_8 0x0u
#define PE_FORMAT_WEIGHT_16 0x10u
#define PE_FORMAT_WEIGHT_32 0x20u
#define PE_FLAG_WRAP 0x1u
#define PE_FLAG_SUBTRACT 0x2u
#define PE_FLAG_BROADCAST_A 0x4u
#define PE_FLAG_BROADCAST_B 0x8u
#define PE_FLAG_ROW_SHIFTS 0x10u
#define PE_FLAG_PERIODIC 0x20u
#define PE_FLAG_OCTAVES 0x40u
#define PE_FLAG_MIRRORED 0x80u
#define PE_FLAG_BROADCAST_CONDITION 0x10u
#define PE_FLAG_FUSED 0x4u
#define PE_FLAG_FIRST 0x20u
#define PE_FLAG_LAST 0x40u
#define PE_LIMIT_MAX_SHIFT_32 0x1eu
#define PE_LIMIT_MAX_SHIFT_64 0x3eu
#define PE_LIMIT_MAX_SHIFT_STARTS 0x1fu
#define PE_LIMIT_MAX_DEGREE 0x5u
#define PE_LIMIT_MAX_HORNER_BITS 0x1eu
#define PE_LIMIT_MAX_OCTAVE_BITS 0x8u
#define PE_LIMIT_SPLINE_BITS 0x14u
#define PE_LIMIT_MAX_SPLINE_AXES 0x3u
#define PE_LIMIT_MAX_SPLINE_SEGMENTS 0x400u
#define PE_LIMIT_MAX_SPLINE_FACTOR_BITS 0x1eu
#define PE_LIMIT_MAX_SPLINE_SUM_BITS 0x34u
#define PE_CHECK_OK 0x0u
#define PE_CHECK_MAGIC 0x1u
#define PE_CHECK_VERSION 0x2u
#define PE_CHECK_SIZE 0x3u
#define PE_CHECK_CRC 0x4u
#define PE_CHECK_LAYOUT 0x5u
#define PE_CHECK_ARENA 0x6u
#define PE_CHECK_INPUTS 0x7u
#define PE_CHECK_KIND 0x8u
#define PE_CHECK_FORMAT 0x9u
#define PE_CHECK_OPERAND_A 0xau
#define PE_CHECK_OPERAND_B 0xbu
#define PE_CHECK_RESULT 0xcu
#define PE_CHECK_SHIFT 0xdu
#define PE_CHECK_WEIGHTS 0xeu
#define PE_CHECK_BIAS 0xfu
#define PE_CHECK_ROW_SHIFTS 0x10u
#define PE_CHECK_TABLE 0x11u
#define PE_CHECK_CONDITION 0x12u
#define PE_CHECK_LANES 0x13u
#define PE_CHECK_BLOCK 0x14u
#define PE_CHECK_DUAL 0x15u
#define PE_CHECK_SPLINE 0x16u
#define PE_STATUS_OK 0x0u
#define PE_STATUS_CLAMPED 0x1u
#define PE_STATUS_REFUSED 0x10u

typedef struct {
  uint32_t magic; /* "PEBT" */
  uint16_t version; /* format version, 1 */
  uint16_t header_bytes; /* size of this header */
  uint32_t total_bytes; /* size of the table, pool included */
  uint32_t crc; /* CRC-32 (IEEE 802.3) of every byte after this field */
  uint16_t record_count; /* number of records */
  uint16_t input_count; /* number of input words */
  uint16_t output_count; /* number of output words */
  uint16_t reserved; /* zero */
  uint32_t arena_bytes; /* size of the arena */
  uint32_t records_offset; /* where the records start, from the start of the table */
  uint32_t pool_offset; /* where the pool starts, from the start of the table */
  uint32_t pool_bytes; /* size of the pool */
} pe_header_t;
typedef char pe_header_t_has_its_size[sizeof(pe_header_t) == PE_HEADER_BYTES ? 1 : -1];

typedef struct {
  int32_t min; /* smallest input word; smaller ones are clamped */
  int32_t max; /* largest input word; larger ones are clamped */
  int32_t exponent; /* word = round(value * 2^exponent) */
} pe_input_t;
typedef char pe_input_t_has_its_size[sizeof(pe_input_t) == PE_INPUT_BYTES ? 1 : -1];

typedef struct {
  int32_t exponent; /* value = word * 2^-exponent */
} pe_output_t;
typedef char pe_output_t_has_its_size[sizeof(pe_output_t) == PE_OUTPUT_BYTES ? 1 : -1];

typedef struct {
  uint8_t kind; /* one of KIND */
  uint8_t format; /* bits of FORMAT: the widths of operands, weights and accumulator */
  uint8_t flags; /* bits of FLAG */
  uint8_t shift; /* rounding right shift of the result; map: log2 of the narrowest segment width in argument steps */
  uint16_t rows; /* number of output elements */
  uint16_t cols; /* dense, lanes: number of input elements; map: number of segments; select: arena address of the condition; spline: number of axes */
  uint16_t a; /* arena address of the first operand */
  uint16_t b; /* arena address of the second operand; block: of the carried accumulators; spline: of int32 words for the factors of basis functions */
  uint16_t out; /* arena address of the result */
  uint8_t shift_a; /* left shift of operand a; dense, scale and block: guard bits of the bias, zero with starts; map: left shift that makes one turn 2^32; spline: degree */
  uint8_t shift_b; /* left shift of operand b; block: left shift of the products; map: shift of the polynomial result; spline: shift of the sums over all axes but the first */
  uint32_t weights; /* pool address of weights or table */
  uint32_t bias; /* pool address of int32 biases, or of starts as wide as the accumulator; spline: of its axes */
  uint32_t row_shifts; /* pool address of one uint8 shift per row, when flagged; block: left shifts instead of shiftB */
  int32_t origin; /* map: argument at which the first segment starts, or the phase; in argument steps or 2^-32 turns */
} pe_record_t;
typedef char pe_record_t_has_its_size[sizeof(pe_record_t) == PE_RECORD_BYTES ? 1 : -1];

typedef struct {
  int32_t origin; /* argument at which the first segment starts */
  int32_t factor; /* position = ((argument - origin) * factor) >> shift, in 2^-20 of a segment */
  uint16_t segments; /* number of segments */
  uint8_t shift; /* rounding right shift that makes the position */
  uint8_t order; /* how often the basis functions are differentiated */
} pe_axis_t;
typedef char pe_axis_t_has_its_size[sizeof(pe_axis_t) == PE_AXIS_BYTES ? 1 : -1];

#endif
