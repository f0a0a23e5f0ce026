#include "pe_check.h"

const char pe_malformed[] = "the module is malformed";
const char pe_ends_early[] = "the module ends early";
const char pe_no_model[] = "the module is not a pinn-edge model";
const char pe_too_much[] = "the module exceeds a limit";
const char pe_no_such_index[] = "the module has an index out of range";

void pe_refuse(pe_checker_t *c, const char *why) {
  if (c->refusal == NULL) c->refusal = why;
  c->at = c->end;
}
uint8_t pe_read_byte(pe_checker_t *c) {
  if (c->at == c->end) {
    pe_refuse(c, pe_ends_early);
    return 0;
  }
  return *c->at++;
}

// A LEB128 integer of at most `most` bytes; `sign` are the bits of the last of these that repeat the sign, and stay zero
// when the number has none. Only the low 32 bits are kept.
static uint32_t read_leb(pe_checker_t *c, uint32_t most, uint32_t sign, bool is_signed) {
  uint32_t value = 0;
  uint32_t i = 0;
  uint32_t byte;
  do {
    byte = pe_read_byte(c);
    if (i < 5u) value |= (byte & 0x7fu) << (7u * i);
    i++;
  } while (byte >= 0x80u && i < most);
  const uint32_t rest = i == most ? byte & (sign | 0x80u) : 0u;
  if (rest != 0u && !(is_signed && rest == sign)) pe_refuse(c, pe_malformed);
  if (is_signed && i < 5u && (byte & 0x40u) != 0u) value |= ~0u << (7u * i);
  return value;
}

uint32_t pe_read_u32(pe_checker_t *c) { return read_leb(c, 5, 0x70, false); }

uint32_t pe_read_below(pe_checker_t *c, uint32_t limit, const char *why) {
  const uint32_t value = pe_read_u32(c);
  if (value < limit) return value;
  pe_refuse(c, why);
  return 0;
}

uint32_t pe_read_index(pe_checker_t *c, uint32_t count) { return pe_read_below(c, count, pe_no_such_index); }

uint32_t pe_read_count(pe_checker_t *c, uint32_t most) { return pe_read_below(c, most + 1u, pe_too_much); }

uint32_t pe_read_small(pe_checker_t *c, uint32_t most) {
  const uint8_t count = pe_read_byte(c);
  if (count <= most) return count;
  pe_refuse(c, pe_too_much);
  return 0;
}

uint8_t pe_read_type(pe_checker_t *c) {
  const uint8_t type = pe_read_byte(c);
  if (type != PE_I32 && type != PE_I64) pe_refuse(c, pe_no_model);
  return type;
}

const uint8_t *pe_skip(pe_checker_t *c, uint32_t count) {
  const uint8_t *start = c->at;
  if (count > (size_t)(c->end - c->at)) {
    pe_refuse(c, pe_ends_early);
  } else {
    c->at += count;
  }
  return start;
}

uint32_t pe_read_constant(pe_checker_t *c, uint32_t type) {
  return type == PE_I32 ? read_leb(c, 5, 0x78, true) : read_leb(c, 10, 0x7f, true);
}

uint32_t pe_read_initial(pe_checker_t *c, uint32_t type) {
  const bool is_constant = pe_read_byte(c) == (type == PE_I32 ? PE_OP_I32_CONST : PE_OP_I64_CONST);
  const uint32_t value = pe_read_constant(c, type);
  if (!is_constant || pe_read_byte(c) != PE_OP_END) pe_refuse(c, pe_malformed);
  return value;
}
