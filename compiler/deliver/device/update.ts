import type { KeyObject } from 'node:crypto';
import { layoutOf } from '../../table/struct.js';
import { readImage } from '../image/image.js';
import { IMAGE_HEADER, UPDATE } from '../image/image-format.js';
import { type Answer, type DeviceClient, words } from './client.js';
import { permit } from './permit.js';
import { BEGIN_FLAG, SLOT } from './protocol.js';

/** Sends a model image to a device and has it tried and committed there. */

export interface UpdateOptions {
  /** A lower version too. */
  force?: boolean;
  /** Of the firmware; without it a device that has one takes signed images, but no lower version by force. */
  key?: KeyObject;
  onProgress?: (sent: number, total: number) => void;
  /** Called between packets, at most once per so many bytes: other requests may be made here. */
  between?: { bytes: number; run: () => Promise<void> };
}

/** What a transfer took. */
export interface UpdateFigures {
  bytes: number;
  /** Where an earlier, interrupted transfer of the same image had come to. */
  resumedAt: number;
  /** Requests, and how many of them were repeats. */
  requests: number;
  repeats: number;
  /** Slot that runs it now. */
  slot: number;
}

/** Of DATA, besides the bytes of the image. */
const DATA_FIELDS_BYTES = 8;
/** The packet that completes it has the device check a signature. */
const HEADER_BYTES = layoutOf(IMAGE_HEADER).bytes;
/** A device that restarts in the middle has forgotten the transfer. */
const MAX_BEGINS = 4;

/**
 * Sends an image; the device runs it when this returns. A transfer that was interrupted goes on where it had come to.
 *
 * @throws PE9015 when the device refuses it, PE9014 when the connection is lost, PE9026 when another host has changed what
 * it receives: it does not run this image then
 */
export async function sendImage(
  client: DeviceClient,
  image: Uint8Array,
  options: UpdateOptions = {},
): Promise<UpdateFigures> {
  const info = readImage('the image', image);
  const figures: UpdateFigures = { bytes: image.length, resumedAt: 0, requests: 0, repeats: 0, slot: -1 };
  const count = (answer: Answer): Answer => {
    figures.requests++;
    figures.repeats += answer.tries - 1;
    return answer;
  };
  let ran: number | undefined;
  for (let begins = 1; ; begins++) {
    const device = await client.hello();
    ran ??= device.imageCrc;
    if (begins > 1 && device.imageCrc !== ran) {
      // It was committed, and the answer to that was lost; or another host has sent the same image.
      if (device.imageCrc === info.crc) return { ...figures, slot: device.slot };
      throw client.refused('take the image', UPDATE.TAKEN.value);
    }
    const isForced = options.force === true && device.slot !== SLOT.NONE && info.version < device.version;
    const begin = count(
      await client.request(
        'BEGIN',
        Uint8Array.from([
          ...words([image.length, info.crc, isForced ? BEGIN_FLAG.FORCE : 0]),
          ...(isForced ? permit(device, 'BEGIN', info.crc, options.key) : []),
        ]),
      ),
    );
    if (begin.result !== UPDATE.OK.value) throw client.refused('take the image', begin.result);
    const offset = begin.body.getUint32(0, true);
    if (begins === 1) figures.resumedAt = offset;
    const longest = device.bodyBytes - DATA_FIELDS_BYTES;
    const result = await sendFrom(offset, image, info.crc, longest, client, options, count);
    if (result !== UPDATE.OK.value && (result !== UPDATE.STATE.value || begins === MAX_BEGINS)) {
      throw client.refused('take the image', result);
    }
    if (result !== UPDATE.OK.value) continue;
    const finish = count(await client.request('FINISH', words([info.crc])));
    if (finish.result === UPDATE.STATE.value && begins < MAX_BEGINS) continue;
    if (finish.result !== UPDATE.OK.value)
      throw client.refused('run the model', finish.result, finish.body.getInt32(0, true));
    figures.slot = finish.body.getUint32(4, true);
    return figures;
  }
}

async function sendFrom(
  start: number,
  image: Uint8Array,
  crc: number,
  longest: number,
  client: DeviceClient,
  { onProgress, between }: UpdateOptions,
  count: (answer: Answer) => Answer,
): Promise<number> {
  let offset = start;
  let nextBetween = offset;
  while (offset < image.length) {
    if (between && offset >= nextBetween) {
      await between.run();
      nextBetween = offset + between.bytes;
    }
    const make = (bytes: number) =>
      Uint8Array.from([...words([crc, offset]), ...image.subarray(offset, offset + bytes)]);
    const isSlow = offset < HEADER_BYTES;
    const { result, body } = count(await client.adaptiveRequest('DATA', longest, make, isSlow));
    if (result !== UPDATE.OK.value && result !== UPDATE.OFFSET.value) return result;
    offset = body.getUint32(0, true);
    onProgress?.(offset, image.length);
  }
  return UPDATE.OK.value;
}
