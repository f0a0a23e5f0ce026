import { readImage } from '../image/image.js';
import { UPDATE } from '../image/spec.js';
import { type Answer, type DeviceClient, words } from './client.js';
import { BEGIN_FLAG } from './spec.js';

/** Sends a model image to a device and has it tried and committed there. */

export interface UpdateOptions {
  /** A lower version too. */
  force?: boolean;
  /** The longest body that the device takes, of its HELLO. */
  bodyBytes: number;
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

const OFFSET_BYTES = 4;
/** A device that restarts in the middle has forgotten the transfer. */
const MAX_BEGINS = 4;

/**
 * Sends an image; the device runs it when this returns. A transfer that was interrupted goes on where it had come to.
 *
 * @throws PE9015 when the device refuses it, PE9014 when the connection is lost; it still runs the model of before
 */
export async function sendImage(
  client: DeviceClient,
  image: Uint8Array,
  options: UpdateOptions,
): Promise<UpdateFigures> {
  const info = readImage('the image', image);
  const figures: UpdateFigures = { bytes: image.length, resumedAt: 0, requests: 0, repeats: 0, slot: -1 };
  const count = (answer: Answer): Answer => {
    figures.requests++;
    figures.repeats += answer.tries - 1;
    return answer;
  };
  for (let begins = 1; ; begins++) {
    const begin = count(
      await client.request('BEGIN', words([image.length, info.crc, options.force ? BEGIN_FLAG.FORCE : 0])),
    );
    if (begin.result !== UPDATE.OK.value) throw client.refused('take the image', begin.result);
    const offset = begin.body.getUint32(0, true);
    if (begins === 1) figures.resumedAt = offset;
    const result = await sendFrom(offset, image, client, options, count);
    if (result !== UPDATE.OK.value && (result !== UPDATE.STATE.value || begins === MAX_BEGINS)) {
      throw client.refused('take the image', result);
    }
    if (result !== UPDATE.OK.value) continue;
    const finish = count(await client.request('FINISH'));
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
  client: DeviceClient,
  { bodyBytes, onProgress, between }: UpdateOptions,
  count: (answer: Answer) => Answer,
): Promise<number> {
  let offset = start;
  let nextBetween = offset;
  while (offset < image.length) {
    if (between && offset >= nextBetween) {
      await between.run();
      nextBetween = offset + between.bytes;
    }
    const make = (bytes: number) => Uint8Array.from([...words([offset]), ...image.subarray(offset, offset + bytes)]);
    const { result, body } = count(await client.adaptiveRequest('DATA', bodyBytes - OFFSET_BYTES, make));
    if (result !== UPDATE.OK.value && result !== UPDATE.OFFSET.value) return result;
    offset = body.getUint32(0, true);
    onProgress?.(offset, image.length);
  }
  return UPDATE.OK.value;
}
