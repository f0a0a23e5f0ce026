// Ed25519 signatures (RFC 8032, section 5.1), checking only.
//
// Written for small flash rather than speed. Everything it works on is public, so it need not hide its timing; signing
// happens on the host.
#ifndef PE_SIGNATURE_H
#define PE_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "pe_image.gen.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PE_SHA512_BYTES 64u

// SHA-512 of `bytes` (FIPS 180-4).
void pe_sha512(uint8_t digest[PE_SHA512_BYTES], const uint8_t *bytes, uint32_t count);

// Whether `signature` is that of `message` by the owner of `key`. As strict as RFC 8032 allows: S must be below the
// group's order, the key must be the canonical encoding of a point and not one of small order, and [S]B - [h]A must have
// exactly the encoding R (no multiplication by the cofactor).
bool pe_signature_check(const uint8_t signature[PE_SIGNATURE_BYTES], const uint8_t key[PE_PUBLIC_KEY_BYTES],
                        const uint8_t *message, uint32_t message_bytes);

#ifdef __cplusplus
}
#endif

#endif
