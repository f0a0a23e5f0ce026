#include "pe_signature.h"

#include <string.h>

// ---- SHA-512 (FIPS 180-4) -------------------------------------------------------------------------------------------

#define HASH_BYTES PE_SHA512_BYTES
#define BLOCK_BYTES 128u
#define ROUNDS 80u

typedef struct {
  uint64_t state[8];
  uint8_t block[BLOCK_BYTES];
  uint32_t filled;
  uint64_t total;  // bytes
} hash_t;

// Fractional parts of the cube roots of the first 80 primes (4.2.3).
static const uint64_t round_constants[ROUNDS] = {
    0x428a2f98d728ae22ull, 0x7137449123ef65cdull, 0xb5c0fbcfec4d3b2full, 0xe9b5dba58189dbbcull,
    0x3956c25bf348b538ull, 0x59f111f1b605d019ull, 0x923f82a4af194f9bull, 0xab1c5ed5da6d8118ull,
    0xd807aa98a3030242ull, 0x12835b0145706fbeull, 0x243185be4ee4b28cull, 0x550c7dc3d5ffb4e2ull,
    0x72be5d74f27b896full, 0x80deb1fe3b1696b1ull, 0x9bdc06a725c71235ull, 0xc19bf174cf692694ull,
    0xe49b69c19ef14ad2ull, 0xefbe4786384f25e3ull, 0x0fc19dc68b8cd5b5ull, 0x240ca1cc77ac9c65ull,
    0x2de92c6f592b0275ull, 0x4a7484aa6ea6e483ull, 0x5cb0a9dcbd41fbd4ull, 0x76f988da831153b5ull,
    0x983e5152ee66dfabull, 0xa831c66d2db43210ull, 0xb00327c898fb213full, 0xbf597fc7beef0ee4ull,
    0xc6e00bf33da88fc2ull, 0xd5a79147930aa725ull, 0x06ca6351e003826full, 0x142929670a0e6e70ull,
    0x27b70a8546d22ffcull, 0x2e1b21385c26c926ull, 0x4d2c6dfc5ac42aedull, 0x53380d139d95b3dfull,
    0x650a73548baf63deull, 0x766a0abb3c77b2a8ull, 0x81c2c92e47edaee6ull, 0x92722c851482353bull,
    0xa2bfe8a14cf10364ull, 0xa81a664bbc423001ull, 0xc24b8b70d0f89791ull, 0xc76c51a30654be30ull,
    0xd192e819d6ef5218ull, 0xd69906245565a910ull, 0xf40e35855771202aull, 0x106aa07032bbd1b8ull,
    0x19a4c116b8d2d0c8ull, 0x1e376c085141ab53ull, 0x2748774cdf8eeb99ull, 0x34b0bcb5e19b48a8ull,
    0x391c0cb3c5c95a63ull, 0x4ed8aa4ae3418acbull, 0x5b9cca4f7763e373ull, 0x682e6ff3d6b2b8a3ull,
    0x748f82ee5defb2fcull, 0x78a5636f43172f60ull, 0x84c87814a1f0ab72ull, 0x8cc702081a6439ecull,
    0x90befffa23631e28ull, 0xa4506cebde82bde9ull, 0xbef9a3f7b2c67915ull, 0xc67178f2e372532bull,
    0xca273eceea26619cull, 0xd186b8c721c0c207ull, 0xeada7dd6cde0eb1eull, 0xf57d4f7fee6ed178ull,
    0x06f067aa72176fbaull, 0x0a637dc5a2c898a6ull, 0x113f9804bef90daeull, 0x1b710b35131c471bull,
    0x28db77f523047d84ull, 0x32caab7b40c72493ull, 0x3c9ebe0a15c9bebcull, 0x431d67c49c100d4cull,
    0x4cc5d4becb3e42b6ull, 0x597f299cfc657e2aull, 0x5fcb6fab3ad6faecull, 0x6c44198c4a475817ull,
};

// Fractional parts of the square roots of the first 8 primes (5.3.5).
static const uint64_t initial_state[8] = {
    0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull, 0x3c6ef372fe94f82bull, 0xa54ff53a5f1d36f1ull,
    0x510e527fade682d1ull, 0x9b05688c2b3e6c1full, 0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull,
};

static uint64_t rotate(uint64_t x, unsigned n) { return (x >> n) | (x << (64u - n)); }

static uint64_t load_big(const uint8_t *at) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8u; i++) value = (value << 8) | at[i];
  return value;
}

static void store_big(uint8_t *at, uint64_t value) {
  for (unsigned i = 0; i < 8u; i++) at[i] = (uint8_t)(value >> (56u - 8u * i));
}

static void compress(hash_t *hash) {
  uint64_t words[16];
  uint64_t v[8];  // a to h
  for (unsigned i = 0; i < 16u; i++) words[i] = load_big(&hash->block[8u * i]);
  memcpy(v, hash->state, sizeof v);
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t *word = &words[round & 15u];
    if (round >= 16u) {
      const uint64_t w1 = words[(round + 1u) & 15u];
      const uint64_t w14 = words[(round + 14u) & 15u];
      *word += words[(round + 9u) & 15u] + (rotate(w1, 1) ^ rotate(w1, 8) ^ (w1 >> 7)) +
               (rotate(w14, 19) ^ rotate(w14, 61) ^ (w14 >> 6));
    }
    const uint64_t t1 = v[7] + (rotate(v[4], 14) ^ rotate(v[4], 18) ^ rotate(v[4], 41)) +
                        ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[round] + *word;
    const uint64_t t2 = (rotate(v[0], 28) ^ rotate(v[0], 34) ^ rotate(v[0], 39)) +
                        ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(&v[1], &v[0], sizeof v - sizeof v[0]);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (unsigned i = 0; i < 8u; i++) hash->state[i] += v[i];
  hash->filled = 0;
}

static void hash_begin(hash_t *hash) {
  memcpy(hash->state, initial_state, sizeof initial_state);
  hash->filled = 0;
  hash->total = 0;
}

static void hash_add(hash_t *hash, const uint8_t *bytes, uint32_t count) {
  hash->total += count;
  for (uint32_t i = 0; i < count; i++) {
    hash->block[hash->filled++] = bytes[i];
    if (hash->filled == BLOCK_BYTES) compress(hash);
  }
}

static void hash_end(hash_t *hash, uint8_t digest[HASH_BYTES]) {
  const uint64_t bits = 8u * hash->total;
  uint8_t padding = 0x80;
  do {
    hash_add(hash, &padding, 1);
    padding = 0;
  } while (hash->filled != BLOCK_BYTES - 16u);
  // The length has 16 bytes, of which messages here need the last 8.
  memset(&hash->block[BLOCK_BYTES - 16u], 0, 8);
  store_big(&hash->block[BLOCK_BYTES - 8u], bits);
  compress(hash);
  for (unsigned i = 0; i < 8u; i++) store_big(&digest[8u * i], hash->state[i]);
}

void pe_sha512(uint8_t digest[PE_SHA512_BYTES], const uint8_t *bytes, uint32_t count) {
  hash_t hash;
  hash_begin(&hash);
  hash_add(&hash, bytes, count);
  hash_end(&hash, digest);
}

// ---- 256-bit numbers, least significant word first ------------------------------------------------------------------

#define WORDS 8

typedef struct {
  uint32_t w[WORDS];
} number_t;

// The order of the group, 2^252 + 27742317777372353535851937790883648493.
static const number_t order = {
    {0x5cf5d3edu, 0x5812631au, 0xa2f79cd6u, 0x14def9deu, 0x00000000u, 0x00000000u, 0x00000000u, 0x10000000u}};

static number_t load_number(const uint8_t *bytes) {
  number_t r;
  for (unsigned i = 0; i < WORDS; i++) {
    r.w[i] = (uint32_t)bytes[4u * i] | ((uint32_t)bytes[4u * i + 1u] << 8) | ((uint32_t)bytes[4u * i + 2u] << 16) |
             ((uint32_t)bytes[4u * i + 3u] << 24);
  }
  return r;
}

static unsigned bit_of(const number_t *a, unsigned i) { return (a->w[i >> 5] >> (i & 31u)) & 1u; }

// r = a + b; returns the carry.
static uint32_t add_words(number_t *r, const number_t *a, const number_t *b) {
  uint64_t carry = 0;
  for (unsigned i = 0; i < WORDS; i++) {
    carry += (uint64_t)a->w[i] + b->w[i];
    r->w[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return (uint32_t)carry;
}

// r = a - b; returns the borrow.
static uint32_t subtract_words(number_t *r, const number_t *a, const number_t *b) {
  uint32_t borrow = 0;
  for (unsigned i = 0; i < WORDS; i++) {
    const uint64_t difference = (uint64_t)a->w[i] - b->w[i] - borrow;
    r->w[i] = (uint32_t)difference;
    borrow = (uint32_t)(difference >> 32) & 1u;
  }
  return borrow;
}

static bool is_below(const number_t *a, const number_t *b) {
  number_t difference;
  return subtract_words(&difference, a, b) != 0;
}

// The 512-bit hash modulo the order, bit by bit from the top.
static number_t reduce_hash(const uint8_t digest[HASH_BYTES]) {
  number_t r = {{0, 0, 0, 0, 0, 0, 0, 0}};
  for (unsigned i = 8u * HASH_BYTES; i-- > 0;) {
    (void)add_words(&r, &r, &r);
    r.w[0] |= (uint32_t)(digest[i >> 3] >> (i & 7u)) & 1u;
    if (!is_below(&r, &order)) (void)subtract_words(&r, &r, &order);
  }
  return r;
}

// ---- The field of 2^255 - 19 ----------------------------------------------------------------------------------------
// Numbers below 2^256, not always reduced: 2^256 = 38.

typedef number_t field_t;

static const field_t prime = {{0xffffffedu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
                               0x7fffffffu}};
static const field_t zero = {{0, 0, 0, 0, 0, 0, 0, 0}};
static const field_t one = {{1, 0, 0, 0, 0, 0, 0, 0}};
// d of the curve -x^2 + y^2 = 1 + d x^2 y^2, and a square root of -1.
static const field_t curve_d = {{0x135978a3u, 0x75eb4dcau, 0x4141d8abu, 0x00700a4du, 0x7779e898u, 0x8cc74079u, 0x2b6ffe73u, 0x52036ceeu}};
static const field_t root_of_minus_one = {{0x4a0ea0b0u, 0xc4ee1b27u, 0xad2fe478u, 0x2f431806u, 0x3dfbd7a7u, 0x2b4d0099u, 0x4fc1df0bu, 0x2b832480u}};

// a += 38 carry. The sum overflows at most once, and is small then.
static void fold(field_t *a, uint32_t carry) {
  while (carry != 0) {
    field_t term = zero;
    term.w[0] = 38u * carry;
    carry = add_words(a, a, &term);
  }
}

static void add(field_t *r, const field_t *a, const field_t *b) { fold(r, add_words(r, a, b)); }

static void subtract(field_t *r, const field_t *a, const field_t *b) {
  uint32_t borrow = subtract_words(r, a, b);
  while (borrow != 0) {
    field_t term = zero;
    term.w[0] = 38u;
    borrow = subtract_words(r, r, &term);
  }
}

static void multiply(field_t *r, const field_t *a, const field_t *b) {
  uint32_t product[2 * WORDS] = {0};
  for (unsigned i = 0; i < WORDS; i++) {
    uint64_t carry = 0;
    for (unsigned j = 0; j < WORDS; j++) {
      carry += (uint64_t)a->w[i] * b->w[j] + product[i + j];
      product[i + j] = (uint32_t)carry;
      carry >>= 32;
    }
    product[i + WORDS] = (uint32_t)carry;
  }
  uint64_t carry = 0;
  for (unsigned i = 0; i < WORDS; i++) {
    carry += (uint64_t)38u * product[i + WORDS] + product[i];
    r->w[i] = (uint32_t)carry;
    carry >>= 32;
  }
  fold(r, (uint32_t)carry);
}

// The number in 0 .. 2^255 - 20.
static void reduce(field_t *a) {
  while (!is_below(a, &prime)) (void)subtract_words(a, a, &prime);
}

static bool equal(const field_t *a, const field_t *b) {
  field_t difference;
  subtract(&difference, a, b);
  reduce(&difference);
  return memcmp(&difference, &zero, sizeof zero) == 0;
}

// r = a^e. All the exponents here have ones from their highest bit (`bits` in all) down to bit 5; `low` holds bits 0..4.
static void power(field_t *r, const field_t *a, unsigned bits, unsigned low) {
  const field_t base = *a;
  *r = one;
  for (unsigned i = bits; i-- > 0;) {
    multiply(r, r, r);
    if (i >= 5u || ((low >> i) & 1u) != 0) multiply(r, r, &base);
  }
}

// ---- Points: x = X / Z, y = Y / Z, T = X Y / Z ----------------------------------------------------------------------

typedef struct {
  field_t x, y, z, t;
} point_t;

// Of the base point, whose y is 4/5.
static const field_t base_x = {{0x8f25d51au, 0xc9562d60u, 0x9525a7b2u, 0x692cc760u, 0xfdd6dc5cu, 0xc0a4e231u, 0xcd6e53feu, 0x216936d3u}};
static const field_t base_y = {{0x66666658u, 0x66666666u, 0x66666666u, 0x66666666u, 0x66666666u, 0x66666666u, 0x66666666u, 0x66666666u}};

// Z and T of the point whose x and y are set.
static void complete(point_t *p) {
  p->z = one;
  multiply(&p->t, &p->x, &p->y);
}

// r = p + q, for all points, equal ones too (Hisil, Wong, Carter and Dawson, ASIACRYPT 2008, section 3.1).
static void add_points(point_t *r, const point_t *p, const point_t *q) {
  field_t a, b, c, d, e, f;
  subtract(&a, &p->y, &p->x);
  subtract(&e, &q->y, &q->x);
  multiply(&a, &a, &e);
  add(&b, &p->y, &p->x);
  add(&e, &q->y, &q->x);
  multiply(&b, &b, &e);
  multiply(&c, &p->t, &q->t);
  multiply(&c, &c, &curve_d);
  multiply(&d, &p->z, &q->z);
  add(&c, &c, &c);
  add(&d, &d, &d);
  subtract(&e, &b, &a);
  subtract(&f, &d, &c);
  add(&d, &d, &c);  // G
  add(&b, &b, &a);  // H
  multiply(&r->x, &e, &f);
  multiply(&r->y, &d, &b);
  multiply(&r->z, &f, &d);
  multiply(&r->t, &e, &b);
}

// The point's negative from its encoding: y, and the lowest bit of x on top (5.1.3). False when there is none.
static bool decode_negative(point_t *p, const uint8_t bytes[PE_PUBLIC_KEY_BYTES]) {
  field_t square_y, u, v, t;
  p->y = load_number(bytes);
  const unsigned sign = bit_of(&p->y, 255);
  p->y.w[WORDS - 1] &= 0x7fffffffu;
  if (!is_below(&p->y, &prime)) return false;
  multiply(&square_y, &p->y, &p->y);
  subtract(&u, &square_y, &one);
  multiply(&v, &square_y, &curve_d);
  add(&v, &v, &one);
  // x = u v^3 (u v^7)^((p - 5) / 8), and (p - 5) / 8 = 2^252 - 3.
  multiply(&t, &v, &v);
  multiply(&t, &t, &v);
  multiply(&p->x, &t, &u);
  multiply(&t, &t, &t);
  multiply(&t, &t, &v);
  multiply(&t, &t, &u);
  power(&t, &t, 252, 29);
  multiply(&p->x, &p->x, &t);
  multiply(&t, &p->x, &p->x);
  multiply(&t, &t, &v);
  if (!equal(&t, &u)) {
    subtract(&u, &zero, &u);
    if (!equal(&t, &u)) return false;
    multiply(&p->x, &p->x, &root_of_minus_one);
  }
  reduce(&p->x);
  if (sign != 0 && equal(&p->x, &zero)) return false;
  if ((p->x.w[0] & 1u) == sign) subtract(&p->x, &zero, &p->x);
  complete(p);
  return true;
}

static void encode(uint8_t bytes[PE_PUBLIC_KEY_BYTES], const point_t *p) {
  field_t inverse, x, y;
  power(&inverse, &p->z, 255, 11);  // p - 2
  multiply(&x, &p->x, &inverse);
  multiply(&y, &p->y, &inverse);
  reduce(&x);
  reduce(&y);
  y.w[WORDS - 1] |= x.w[0] << 31;
  for (unsigned i = 0; i < 4u * WORDS; i++) bytes[i] = (uint8_t)(y.w[i >> 2] >> (8u * (i & 3u)));
}

// Whether eight times the point is the neutral one.
static bool has_small_order(const point_t *p) {
  point_t r = *p;
  for (unsigned i = 0; i < 3u; i++) add_points(&r, &r, &r);
  return equal(&r.x, &zero);
}

bool pe_signature_check(const uint8_t signature[PE_SIGNATURE_BYTES], const uint8_t key[PE_PUBLIC_KEY_BYTES],
                        const uint8_t *message, uint32_t message_bytes) {
  uint8_t digest[HASH_BYTES];
  point_t terms[3];  // B, -A, B - A
  const number_t s = load_number(signature + 32);
  if (!is_below(&s, &order) || !decode_negative(&terms[1], key) || has_small_order(&terms[1])) return false;
  {
    hash_t hash;
    hash_begin(&hash);
    hash_add(&hash, signature, 32);
    hash_add(&hash, key, PE_PUBLIC_KEY_BYTES);
    hash_add(&hash, message, message_bytes);
    hash_end(&hash, digest);
  }
  const number_t h = reduce_hash(digest);
  terms[0].x = base_x;
  terms[0].y = base_y;
  complete(&terms[0]);
  add_points(&terms[2], &terms[0], &terms[1]);
  // [s]B + [h](-A), both at once from the top bit down.
  point_t sum;
  sum.x = zero;
  sum.y = one;
  complete(&sum);
  for (unsigned i = 253; i-- > 0;) {
    add_points(&sum, &sum, &sum);
    const unsigned which = bit_of(&s, i) + 2u * bit_of(&h, i);
    if (which != 0) add_points(&sum, &sum, &terms[which - 1u]);
  }
  encode(digest, &sum);
  return memcmp(digest, signature, 32) == 0;
}
