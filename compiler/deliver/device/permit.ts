import type { KeyObject } from 'node:crypto';
import { PinnEdgeError } from '../../diagnostics.js';
import { signBytes } from '../image/keys.js';
import { type DeviceInfo, words } from './client.js';
import { COMMAND, DEVICE_FLAG, PERMIT_MAGIC } from './protocol.js';

/**
 * The bytes that permit a device to lower its version (protocol.ts): for what it runs now, once.
 *
 * @param crc of the image that is to come; 0 for ROLLBACK
 * @param key with which the firmware's images are signed
 * @throws PE9027 when the device asks for a signature and there is no key
 */
export function permit(info: DeviceInfo, command: 'BEGIN' | 'ROLLBACK', crc: number, key?: KeyObject): Uint8Array {
  const sequence = words([info.sequence]);
  if (!(info.flags & DEVICE_FLAG.SIGNED_ONLY)) return sequence;
  if (!key) throw new PinnEdgeError('PE9027');
  const message = words([PERMIT_MAGIC, COMMAND[command], info.sequence, info.imageCrc, crc]);
  return Uint8Array.from([...sequence, ...signBytes(message, key)]);
}
