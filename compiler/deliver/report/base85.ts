/**
 * Bytes as text of 85 letters, four bytes in five letters: a quarter longer than the bytes, where base64 is a third longer.
 * None of the letters means anything in HTML.
 */

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?_~()[]{}@%$#;';

/** The number of bytes, a space, and their letters; zeros fill the last four bytes. */
export function toBase85(bytes: Uint8Array): string {
  const parts = [`${bytes.length} `];
  for (let at = 0; at < bytes.length; at += 4) {
    let word = 0;
    for (let i = 0; i < 4; i++) word = word * 256 + (bytes[at + i] ?? 0);
    let group = '';
    for (let i = 0; i < 5; i++) {
      group = LETTERS[word % 85] + group;
      word = Math.floor(word / 85);
    }
    parts.push(group);
  }
  return parts.join('');
}

/** @throws when a letter is none of the 85, or letters are missing */
export function fromBase85(packed: string): Uint8Array<ArrayBuffer> {
  const [length, text = ''] = packed.trim().split(' ');
  const values = new Map([...LETTERS].map((letter, value) => [letter, value]));
  const bytes = new Uint8Array(Math.floor(text.length / 5) * 4);
  if (!(bytes.length >= Number(length))) throw new Error('a part of its data is missing');
  const view = new DataView(bytes.buffer);
  for (let group = 0; group < bytes.length / 4; group++) {
    let word = 0;
    for (let i = 0; i < 5; i++) {
      const value = values.get(text[5 * group + i]);
      if (value === undefined) throw new Error('its data have a letter that does not belong there');
      word = word * 85 + value;
    }
    view.setUint32(4 * group, word);
  }
  return bytes.subarray(0, Number(length));
}
