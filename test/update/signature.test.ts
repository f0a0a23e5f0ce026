import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { C99, COMMON, compileOrThrow, run, WARNINGS } from '../package/toolchain.js';

const folder = temporaryFolder();
const program = join(folder, 'signature_test');

beforeAll(() => {
  const sources = [join(PACKAGE_ROOT, 'test/update/signature_test.c'), join(COMMON, 'pe_signature.c')];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
  compileOrThrow('cc', [...C99, '-O2', '-g', ...sanitizers, ...WARNINGS, `-I${COMMON}`, ...sources, '-o', program]);
}, 60_000);

interface Case {
  key: Uint8Array;
  signature: Uint8Array;
  message: Uint8Array;
}

function verdicts(cases: readonly Case[]): boolean[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex') || '-';
  const lines = cases.map(({ key, signature, message }) => `${hex(key)} ${hex(signature)} ${hex(message)}`);
  const { status, stdout, stderr } = run(program, [], lines.join('\n'));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line === '1');
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const rawKey = (key: KeyObject) => Uint8Array.from(key.export({ type: 'spki', format: 'der' }).subarray(-32));

/** A private key from its seed. */
function fromSeed(seed: string): KeyObject {
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function signed(privateKey: KeyObject, message: Uint8Array): Case {
  return { key: rawKey(createPublicKey(privateKey)), signature: sign(null, message, privateKey), message };
}

function little(value: bigint, count = 32): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function fromLittle(data: Uint8Array): bigint {
  return data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

describe('Ed25519 on the device', () => {
  // RFC 8032, section 7.1: seed, public key, message, signature.
  const vectors = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ];

  test.each(vectors)('vector of RFC 8032, seed %s', (seed, key, message, signature) => {
    const own = signed(fromSeed(seed), bytes(message));
    expect([Buffer.from(own.key).toString('hex'), Buffer.from(own.signature).toString('hex')]).toEqual([
      key,
      signature,
    ]);
    expect(verdicts([own])).toEqual([true]);
  });

  test('takes what Node signs, for messages of every length around the hash blocks', () => {
    const cases = Array.from({ length: 300 }, (_, length) =>
      signed(generateKeyPairSync('ed25519').privateKey, randomBytes(length)),
    );
    expect(verdicts(cases)).toEqual(cases.map(() => true));
  });

  test('refuses every single flipped bit of key, signature and message', () => {
    const good = signed(fromSeed(vectors[1][0]), Buffer.from('a model'));
    const cases = (['key', 'signature', 'message'] as const).flatMap((part) =>
      Array.from({ length: 8 * good[part].length }, (_, bit) => {
        const changed = Uint8Array.from(good[part]);
        changed[bit >> 3] ^= 1 << (bit & 7);
        return { ...good, [part]: changed };
      }),
    );
    expect(verdicts(cases).filter(Boolean)).toEqual([]);
  });

  test('refuses S of the group’s order or more, which would make signatures malleable', () => {
    const good = signed(fromSeed(vectors[2][0]), Buffer.from('a model'));
    const s = fromLittle(good.signature.subarray(32));
    const cases = [s + L, s + 2n * L, L, L + 1n, 2n ** 256n - 1n].map((other) => {
      const signature = Uint8Array.from(good.signature);
      signature.set(little(other % 2n ** 256n), 32);
      return { ...good, signature };
    });
    expect(verdicts(cases)).toEqual(cases.map(() => false));
  });

  test('refuses keys and R that are no points, not canonical, or of small order', () => {
    const message = Buffer.from('a model');
    const good = signed(fromSeed(vectors[0][0]), message);
    const orderEight = fromLittle(bytes('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'));
    const encodings = [
      ...[2n, 7n], // no x for this y
      ...[0n, 1n, P - 1n, orderEight, P - orderEight], // small order
      ...[P, P + 1n, 2n ** 255n - 1n], // not canonical
      2n ** 255n + 1n, // x = 0 with its sign set
    ].map((value) => little(value));
    // For the neutral element as key, R = neutral and S = 0 satisfy the equation.
    const forged = new Uint8Array(64);
    forged[0] = 1;
    const keys = encodings.flatMap((key) => [
      { message, key, signature: good.signature },
      { message, key, signature: forged },
    ]);
    const points = encodings.map((r) => ({
      ...good,
      signature: Uint8Array.from([...r, ...good.signature.subarray(32)]),
    }));
    expect(verdicts([...keys, ...points]).filter(Boolean)).toEqual([]);
  });
});
