import type { Model, Tensor } from '../../../model/types.js';
import type { PackedModel, PackedTensor, PageData, Part } from '../page-data.js';
import { inflate } from './inflate.js';

/** What the page carries, taken out of its text (pack.ts puts it in). */

export interface Unpacked extends PageData {
  bytesOf(part: Part): Uint8Array<ArrayBuffer>;
}

/** @throws when the text was damaged: its compressed form has a checksum */
export async function unpack(text: string): Promise<Unpacked> {
  const all = await inflate(text);
  const jsonBytes = new DataView(all.buffer).getUint32(0, true);
  const data: PageData = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + jsonBytes)));
  const binary = all.subarray(4 + jsonBytes);
  return { ...data, bytesOf: ({ at, bytes }) => binary.slice(at, at + bytes) };
}

export function unpackModel({ tensors, widths, ...model }: PackedModel, bytesOf: Unpacked['bytesOf']): Model {
  const unpacked = tensors.map((tensor): [string, Tensor] => [
    tensor.name,
    { shape: tensor.shape, data: numbers(bytesOf(tensor), tensor) },
  ]);
  return { ...model, widths: new Map(widths), tensors: new Map(unpacked) };
}

function numbers(planes: Uint8Array, { isSingle, bytes }: PackedTensor): Float64Array {
  const size = isSingle ? 4 : 8;
  const count = bytes / size;
  const whole = new Uint8Array(bytes);
  planes.forEach((byte, i) => {
    whole[(i % count) * size + Math.floor(i / count)] = byte;
  });
  const view = new DataView(whole.buffer);
  return Float64Array.from({ length: count }, (_, i) =>
    isSingle ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true),
  );
}
