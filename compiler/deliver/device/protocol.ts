/**
 * The one specification of the update agent's protocol; the constants for C (targets/common/pe_agent.gen.h) are
 * generated from it.
 *
 * The host asks, the device answers; nothing else is sent. A frame on the wire is a zero byte, a COBS-encoded packet
 * (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999), and a zero byte:
 *
 *     request   | sequence u32 | command u8          | body                    | CRC-32 u32 |
 *     answer    | sequence u32 | command u8 + ANSWER | result u8 (UPDATE) body | CRC-32 u32 |
 *
 * The CRC covers everything before it. A packet with a wrong CRC is answered by DAMAGED with sequence 0. A request that
 * repeats the last one, byte for byte, is answered again without being executed again; every other request has another
 * sequence number, and a host begins with a random one. All numbers are little-endian.
 */

export const PROTOCOL_VERSION = 2;

/** Longest body of a request or an answer, in bytes, unless the firmware is compiled with another one. */
export const BODY_BYTES = 520;

/** Of a packet besides its body: an answer's sequence, command, result and CRC. */
export const PACKET_OVERHEAD = 10;

export const COMMAND = {
  HELLO: 1, //    -> DEVICE, then the name of the running model without its end
  BEGIN: 2, //    total bytes u32, CRC of the image u32, flags u32, permit when forced -> offset to go on from u32
  DATA: 3, //     CRC of the image u32, offset u32, bytes -> offset that is expected next u32, also when it is OFFSET
  FINISH: 4, //   CRC of the image u32 -> detail i32 (pe_result_t), slot u32: checks, tries, commits and runs it
  STATUS: 5, //   -> total u32, received u32, CRC of the image u32
  ROLLBACK: 6, // permit -> detail i32, slot u32: runs the model before this one
  EVALUATE: 7, // input words -> per point: pe_result_t i32, output words
  GOLDEN: 8, //   -> detail i32: the running model's golden vectors
  ABORT: 9, //    forgets what was received
  DAMAGED: 126, // only as an answer: the packet before this was damaged
} as const;

/** Added to the command in answers. */
export const ANSWER = 128;

/**
 * What lowers the version is asked for in a way that holds once, for the device as the host has seen it. A permit is the
 * sequence number of the device's newest commit record (u32), and where a key is built in the Ed25519 signature of
 *
 *     | PERMIT_MAGIC u32 | command u32 | sequence u32 | CRC of the image that runs u32 | CRC of the image that is to come u32 |
 *
 * whose last number is 0 for ROLLBACK. The next commit makes it worthless.
 */
export const PERMIT_MAGIC = 0x4d524550; // "PERM"

export const BEGIN_FLAG = {
  FORCE: 1, // a lower version too
} as const;

export const DEVICE_FLAG = {
  SIGNED_ONLY: 1, // a key is built in
  NEVER_LOWER: 2, // forcing does not help
  RUNS_MODULES: 4,
  RUNS_TABLES: 8,
} as const;

/** What HELLO answers; every field u32. */
export const DEVICE = [
  'protocol',
  'bodyBytes', // longest body
  'flags',
  'targetClass',
  'slotBytes',
  'memoryBytes', // RAM for a model: linear memory and wasm3's heap; 0: not limited by the agent
  'slot', // of the running model: 0, 1, 2: built into the firmware, 3: none
  'version',
  'identity',
  'imageCrc', // 0 for a model that is built in
  'inputCount',
  'outputCount',
  'goldenCount',
  'sequence', // of the newest commit record; 0 without one
] as const;

export const SLOT = { A: 0, B: 1, BUILT_IN: 2, NONE: 3 } as const;
