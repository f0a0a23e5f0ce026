/** Pieces of generated C: names, numbers, texts. */

const PREFIX = 'PINN_MODEL';

/** `#define PINN_MODEL_INPUT_X 0`: names in upper case, numbered where two of them would be the same. */
export function indexMacros(kind: 'INPUT' | 'OUTPUT' | 'ONCE' | 'EACH', items: readonly { name: string }[]): string {
  // COUNT is taken by the number of inputs or outputs.
  const taken = new Set(['COUNT']);
  return items
    .map(({ name }, i) => {
      const plain = name.replace(/[^A-Za-z0-9]/g, '_').toUpperCase();
      let unique = plain;
      for (let n = 2; taken.has(unique); n++) unique = `${plain}_${n}`;
      taken.add(unique);
      return `#define ${PREFIX}_${kind}_${unique} ${i}`;
    })
    .join('\n');
}

export function rows(values: Uint8Array | Int32Array, width: number, print: (value: number) => string): string {
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += width) {
    lines.push(`    ${Array.from(values.subarray(at, at + width), print).join(', ')},`);
  }
  return lines.join('\n');
}

/** -2147483648 would be the negative of a number that does not fit int32. */
export function word(value: number): string {
  return value === -(2 ** 31) ? '-2147483647 - 1' : String(value);
}

export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}u`;
}

/** JavaScript's shortest text that reads back as the same double, with a point so that C takes it for one. */
export function double(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** A C string literal of the text's UTF-8 bytes. Octal escapes end after three digits, hexadecimal ones never. */
export function text(value = ''): string {
  const characters = Array.from(new TextEncoder().encode(value), (byte) => {
    const character = String.fromCharCode(byte);
    // A question mark could begin a trigraph.
    if (byte < 0x20 || byte > 0x7e || '"\\?'.includes(character)) return `\\${byte.toString(8).padStart(3, '0')}`;
    return character;
  });
  return `"${characters.join('')}"`;
}

/** One line of printable ASCII that does not end in a backslash, which would go on with the next line. */
export function comment(value: string): string {
  return value.replace(/[^\x20-\x7e]/g, '?').replace(/\?\?|\\/g, '_');
}
