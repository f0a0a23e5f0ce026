// Valid function bodies, made up from a fuzz input's bytes as decisions; generated.c puts a module around them.
#ifndef GENERATED_CODE_H
#define GENERATED_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define I32 0x7fu
#define I64 0x7eu
#define NOTHING 0x40u
#define MAX_FUNCTIONS 8u
#define MAX_DEPTH 12u
#define MAX_HEIGHT 40u

// Signatures: parameters, then the result.
static const uint8_t signatures[][8] = {
    {0, I32}, {1, I32, I32}, {2, I64, I32, I64}, {0, NOTHING}, {3, I32, I32, I64, NOTHING}, {6, I64, I32, I64, I32, I64, I64, I32},
};
#define SIGNATURES (sizeof signatures / sizeof signatures[0])

typedef struct {
  const uint8_t *decisions;
  size_t left;
  uint8_t bytes[1u << 16];
  uint32_t length;
  uint8_t locals[64];
  uint32_t local_count;
  uint8_t stack[256];
  uint32_t height;
  uint32_t base;               // of the operands of the innermost block
  uint8_t labels[MAX_DEPTH];   // types that branches take, from the outermost block
  uint32_t depth;
  uint32_t index;              // of the function
  uint8_t types[MAX_FUNCTIONS];  // of functions so far
} maker_t;

// Zeros when the input is used up: then every choice is the simplest.
static uint32_t choose(maker_t *m, uint32_t count) {
  if (m->left == 0) return 0;
  m->left--;
  return *m->decisions++ % count;
}

static void put(maker_t *m, uint32_t byte) {
  if (m->length < sizeof m->bytes) m->bytes[m->length++] = (uint8_t)byte;
}

static void put_u32(maker_t *m, uint32_t value) {
  for (; value >= 0x80u; value >>= 7) put(m, value | 0x80u);
  put(m, value);
}

// A number that is filled in later has five bytes.
static uint32_t put_length(maker_t *m) {
  const uint32_t at = m->length;
  for (int i = 0; i < 5; i++) put(m, 0);
  return at;
}

static void fill_length(maker_t *m, uint32_t at) {
  const uint32_t length = m->length - at - 5u;
  for (uint32_t i = 0; i < 5u; i++) m->bytes[at + i] = (uint8_t)((length >> (7u * i) & 0x7fu) | (i < 4u ? 0x80u : 0u));
}

static void push(maker_t *m, uint32_t type) {
  if (type != NOTHING) m->stack[m->height++] = (uint8_t)type;
}

static void put_constant(maker_t *m, uint32_t type) {
  static const int64_t values[] = {0, 1, -1, 8, 63, -64, 64, 255, 65535, INT32_MAX, INT32_MIN, 4088, INT64_MAX, INT64_MIN};
  int64_t value = values[choose(m, type == I32 ? 12 : 14)];
  put(m, type == I32 ? 0x41 : 0x42);
  for (;;) {
    const uint32_t low = (uint32_t)value & 0x7fu;
    value = value < 0 ? ~(~value >> 7) : value >> 7;
    const int ends = (value == 0 && (low & 0x40u) == 0u) || (value == -1 && (low & 0x40u) != 0u);
    put(m, ends ? low : low | 0x80u);
    if (ends) break;
  }
  push(m, type);
}

// A local of the type, or the number of locals.
static uint32_t find_local(maker_t *m, uint32_t type) {
  const uint32_t start = m->local_count == 0u ? 0u : choose(m, m->local_count);
  for (uint32_t i = 0; i < m->local_count; i++) {
    const uint32_t local = (start + i) % m->local_count;
    if (m->locals[local] == type) return local;
  }
  return m->local_count;
}

static void put_value(maker_t *m, uint32_t type) {
  const uint32_t local = choose(m, 3) == 0u ? m->local_count : find_local(m, type);
  if (local == m->local_count) {
    put_constant(m, type);
    return;
  }
  put(m, 0x20);
  put_u32(m, local);
  push(m, type);
}

// Takes operands off the stack, putting there first what is not.
static void take(maker_t *m, const uint8_t *types, uint32_t count) {
  int fits = m->height - m->base >= count;
  for (uint32_t i = 0; fits && i < count; i++) fits = m->stack[m->height - count + i] == types[i];
  if (!fits) {
    for (uint32_t i = 0; i < count; i++) put_value(m, types[i]);
  }
  m->height -= count;
}

static void take_one(maker_t *m, uint32_t type) {
  const uint8_t types[] = {(uint8_t)type};
  take(m, types, 1);
}

static void take_two(maker_t *m, uint32_t first, uint32_t second) {
  const uint8_t types[] = {(uint8_t)first, (uint8_t)second};
  if (first == NOTHING) take_one(m, second);
  else take(m, types, 2);
}

static void put_numeric(maker_t *m) {
  const uint32_t wide = choose(m, 2);
  const uint32_t type = wide ? I64 : I32;
  switch (choose(m, 5)) {
    case 0:  // arithmetic
      take_two(m, type, type);
      put(m, (wide ? 0x7cu : 0x6au) + choose(m, 15));
      push(m, type);
      break;
    case 1:  // comparison
      take_two(m, type, type);
      put(m, (wide ? 0x51u : 0x46u) + choose(m, 10));
      push(m, I32);
      break;
    case 2:
      take_one(m, type);
      put(m, wide ? 0x50 : 0x45);
      push(m, I32);
      break;
    case 3:  // bits
      take_one(m, type);
      put(m, (wide ? 0x79u : 0x67u) + choose(m, 3));
      push(m, type);
      break;
    default:  // conversion
      take_one(m, type);
      put(m, wide ? 0xa7u : 0xacu + choose(m, 2));
      push(m, wide ? I32 : I64);
  }
}

static void put_access(maker_t *m) {
  static const uint8_t loads[][3] = {{0x28, 2, I32}, {0x29, 3, I64}, {0x2c, 0, I32}, {0x2f, 1, I32}, {0x31, 0, I64}, {0x34, 2, I64}};
  static const uint8_t stores[][3] = {{0x36, 2, I32}, {0x37, 3, I64}, {0x3a, 0, I32}, {0x3b, 1, I32}, {0x3d, 1, I64}, {0x3e, 2, I64}};
  const int is_load = choose(m, 2) == 0u;
  const uint8_t *access = is_load ? loads[choose(m, 6)] : stores[choose(m, 6)];
  if (is_load) take_one(m, I32);
  else take_two(m, I32, access[2]);
  put(m, access[0]);
  put_u32(m, choose(m, access[1] + 1u));
  put_u32(m, choose(m, 4) == 0u ? choose(m, 256) << 24 : choose(m, 256));
  if (is_load) push(m, access[2]);
}

static void put_local(maker_t *m) {
  if (m->local_count == 0u) return;
  const uint32_t local = choose(m, m->local_count);
  const uint32_t which = choose(m, 3);
  if (which != 0u) take_one(m, m->locals[local]);
  put(m, 0x20u + which);
  put_u32(m, local);
  if (which != 1u) push(m, m->locals[local]);
}

static void put_global(maker_t *m) {
  const uint32_t global = choose(m, 2);
  const uint32_t type = global ? I64 : I32;
  const int is_get = choose(m, 2) == 0u;
  if (!is_get) take_one(m, type);
  put(m, is_get ? 0x23 : 0x24);
  put(m, global);
  if (is_get) push(m, type);
}

static void put_call(maker_t *m) {
  if (m->index == 0u) return;
  const uint32_t callee = choose(m, m->index);
  const uint8_t *signature = signatures[m->types[callee]];
  take(m, signature + 1, signature[0]);
  put(m, 0x10);
  put_u32(m, callee);
  push(m, signature[1u + signature[0]]);
}

static void put_select(maker_t *m) {
  const uint8_t type = choose(m, 2) ? I64 : I32;
  const uint8_t types[] = {type, type, I32};
  take(m, types, 3);
  put(m, 0x1b);
  push(m, type);
}

static void put_body(maker_t *m, uint32_t type);

static void put_block(maker_t *m, uint32_t opcode) {
  if (m->depth + 1u >= MAX_DEPTH) return;
  static const uint8_t results[] = {NOTHING, I32, I64};
  const uint32_t type = results[choose(m, 3)];
  const int has_else = opcode == 0x04u && (type != NOTHING || choose(m, 2));
  if (opcode == 0x04u) take_one(m, I32);
  put(m, opcode);
  put(m, type);
  const uint32_t base = m->base;
  m->base = m->height;
  m->labels[++m->depth] = opcode == 0x03u ? NOTHING : (uint8_t)type;
  put_body(m, type);
  if (has_else) {
    put(m, 0x05);
    put_body(m, type);
  }
  put(m, 0x0b);
  m->depth--;
  m->base = base;
  push(m, type);
}

// A label, and the type that a branch to it takes.
static uint32_t choose_label(maker_t *m, uint32_t *type) {
  const uint32_t label = choose(m, m->depth + 1u);
  *type = m->labels[m->depth - label];
  return label;
}

static void put_branch_if(maker_t *m) {
  uint32_t type;
  const uint32_t label = choose_label(m, &type);
  take_two(m, type, I32);
  put(m, 0x0d);
  put_u32(m, label);
  push(m, type);
}

// Ends a body.
static void put_jump(maker_t *m) {
  uint32_t type;
  const uint32_t label = choose_label(m, &type);
  switch (choose(m, 4)) {
    case 0:
      put(m, 0x00);
      break;
    case 1:
      if (m->labels[0] != NOTHING) take_one(m, m->labels[0]);
      put(m, 0x0f);
      break;
    case 2: {
      const uint32_t targets = choose(m, 9);
      take_two(m, type, I32);
      put(m, 0x0e);
      put_u32(m, targets);
      for (uint32_t i = 0; i <= targets; i++) {
        uint32_t other;
        const uint32_t another = choose_label(m, &other);
        put_u32(m, i < targets && other == type ? another : label);
      }
      break;
    }
    default:
      if (type != NOTHING) take_one(m, type);
      put(m, 0x0c);
      put_u32(m, label);
  }
}

// Instructions, after which the operands of the block are its result.
static void put_body(maker_t *m, uint32_t type) {
  for (uint32_t count = choose(m, 16); count > 0u && m->length < sizeof m->bytes / 2u; count--) {
    if (m->height > MAX_HEIGHT) break;
    const uint32_t which = choose(m, 24);
    if (which < 8u) put_numeric(m);
    else if (which < 11u) put_access(m);
    else if (which < 14u) put_local(m);
    else if (which == 14u) put_global(m);
    else if (which == 15u) put_call(m);
    else if (which == 16u) put_select(m);
    else if (which < 20u) put_block(m, which - 15u);
    else if (which == 20u) put_branch_if(m);
    else if (which == 21u) put_value(m, choose(m, 2) ? I64 : I32);
    else if (which == 22u) put(m, 0x01);
    else {
      put_jump(m);
      m->height = m->base;
      return;
    }
  }
  const uint32_t wanted = type == NOTHING ? 0u : 1u;
  while (m->height - m->base > wanted) {
    put(m, 0x1a);
    m->height--;
  }
  if (m->height - m->base == wanted && (wanted == 0u || m->stack[m->height - 1u] == type)) {
    m->height = m->base;
    return;
  }
  if (m->height > m->base) put(m, 0x1a);
  m->height = m->base;
  if (wanted != 0u) put_value(m, type);
  m->height = m->base;
}

static void put_function(maker_t *m, uint32_t index) {
  const uint8_t *signature = signatures[m->types[index]];
  m->index = index;
  m->local_count = signature[0];
  memcpy(m->locals, signature + 1, signature[0]);
  m->height = m->base = m->depth = 0;
  m->labels[0] = signature[1u + signature[0]];
  const uint32_t body = put_length(m);
  const uint32_t groups = choose(m, 4);
  put_u32(m, groups);
  for (uint32_t i = 0; i < groups; i++) {
    const uint8_t type = choose(m, 2) ? I64 : I32;
    const uint32_t count = choose(m, 12);
    put_u32(m, count);
    put(m, type);
    for (uint32_t n = 0; n < count; n++) m->locals[m->local_count++] = type;
  }
  put_body(m, m->labels[0]);
  put(m, 0x0b);
  fill_length(m, body);
}

#endif
