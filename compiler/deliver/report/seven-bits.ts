/**
 * Bytes as text of UTF-8, seven bits in a letter: a sixth longer than the bytes, where base64 is a third longer. The three
 * letters that HTML would change or take for a tag (zero, carriage return, <) are written as À, Á and Â, two bytes each.
 */

const UNSAFE = [0x00, 0x0d, 0x3c];
const STAND_IN = 0xc0;

/** The number of bytes, a space, and their letters, highest bits first; zeros fill the last seven bits. */
export function toSevenBits(bytes: Uint8Array): string {
  const parts = [`${bytes.length} `];
  let [bits, held] = [0, 0];
  const put = (value: number) => {
    const unsafe = UNSAFE.indexOf(value);
    parts.push(String.fromCharCode(unsafe < 0 ? value : STAND_IN + unsafe));
  };
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0x7fff;
    for (held += 8; held >= 7; held -= 7) put((bits >> (held - 7)) & 0x7f);
  }
  if (held > 0) put((bits << (7 - held)) & 0x7f);
  return parts.join('');
}

/** @throws when a letter is none of those, or letters are missing */
export function fromSevenBits(packed: string): Uint8Array<ArrayBuffer> {
  const space = packed.indexOf(' ');
  const length = Number(packed.slice(0, space));
  if (space < 1 || !(packed.length - space - 1 >= Math.ceil((8 * length) / 7))) {
    throw new Error('a part of its data is missing');
  }
  const bytes = new Uint8Array(length);
  let [bits, held, at] = [0, 0, 0];
  for (let i = space + 1; at < length; i++) {
    bits = ((bits << 7) | valueOfLetter(packed.charCodeAt(i))) & 0x7fff;
    held += 7;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >> held;
  }
  return bytes;
}

function valueOfLetter(code: number): number {
  const value = code < 0x80 ? code : UNSAFE[code - STAND_IN];
  if (value === undefined) throw new Error('its data have a letter that does not belong there');
  return value;
}
