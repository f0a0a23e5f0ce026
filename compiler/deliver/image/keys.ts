import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { PinnEdgeError } from '../../diagnostics.js';
import { signatureOf, signedPart, withSignature } from './image.js';

/** Ed25519 keys (RFC 8032) as PEM files, and signatures of images; what a device does with them is pe_signature.c. */

export interface KeyPair {
  /** PEM, PKCS #8. */
  privateKey: string;
  /** PEM, SubjectPublicKeyInfo. */
  publicKey: string;
}

/** A new pair of keys, from the system's random numbers. */
export function generateKeys(): KeyPair {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** @throws PE9002 for anything but an Ed25519 private key */
export function readPrivateKey(file: string, pem: string): KeyObject {
  return requireEd25519(file, 'private', () => createPrivateKey(pem));
}

/** Takes a private key too, from which the public one follows. @throws PE9002 */
export function readPublicKey(file: string, pem: string): KeyObject {
  return requireEd25519(file, 'public', () => createPublicKey(pem));
}

function requireEd25519(file: string, kind: string, read: () => KeyObject): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {
    // Said below.
  }
  if (key?.asymmetricKeyType !== 'ed25519') throw new PinnEdgeError('PE9002', { file, kind });
  return key;
}

/** The 32 bytes that a device knows a public key by. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(key.export({ type: 'spki', format: 'der' }).subarray(-32));
}

/** `pe_key.h`: the public key to build into a firmware. */
export function publicKeyHeader(key: KeyObject): string {
  const bytes = Array.from(rawPublicKey(key), (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
  const rows = [0, 8, 16, 24].map((at) => `    ${bytes.slice(at, at + 8).join(', ')},`);
  return `// Ed25519 public key: firmware that is built with it takes only images signed with its private key.
// Written by pinn-edge keygen.
#ifndef PE_KEY_H
#define PE_KEY_H

#include <stdint.h>

static const uint8_t pe_key[32] = {
${rows.join('\n')}
};

#endif
`;
}

/** The image signed, in place of an earlier signature. The same image and key give the same bytes. */
export function signImage(image: Uint8Array, privateKey: KeyObject): Uint8Array {
  return withSignature(image, signBytes(signedPart(image), privateKey));
}

/** The 64 bytes of the signature of any bytes. */
export function signBytes(bytes: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(null, bytes, privateKey);
}

/** Whether the key's owner has signed this very image. */
export function isSignedBy(image: Uint8Array, publicKey: KeyObject): boolean {
  const signature = signatureOf(image);
  // With its digest and its mark corrected it must still be the same image.
  return (
    Buffer.compare(withSignature(image, signature), image) === 0 &&
    verify(null, signedPart(image), publicKey, signature)
  );
}
