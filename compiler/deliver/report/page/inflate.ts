import { fromSevenBits } from '../seven-bits.js';

/** @throws when the text was damaged: its compressed form has a checksum */
export async function inflate(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([fromSevenBits(text)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
