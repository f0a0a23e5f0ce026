/** Structs of the binary formats: fields in order, little-endian, each aligned to its size (at most 8 bytes). */

export type IntegerType = 'u8' | 'u16' | 'u32' | 'i32';
export type FieldType = IntegerType | 'f64' | 'signature' | 'digest';

export interface Field<Type extends FieldType = FieldType> {
  name: string;
  type: Type;
  doc: string;
}

/** Where the fields of a struct are, in bytes from its start, and its size in bytes. */
export interface Layout {
  offsets: Record<string, number>;
  bytes: number;
}

export const FIELD_BYTES: Record<FieldType, number> = {
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  f64: 8,
  signature: 64,
  digest: 32,
};

/** Throws when a field would not be aligned: a specification has its padding as fields. */
export function layoutOf(fields: readonly Field[]): Layout {
  const offsets: Record<string, number> = {};
  let bytes = 0;
  for (const { name, type } of fields) {
    if (bytes % Math.min(8, FIELD_BYTES[type])) throw new Error(`field ${name} is not aligned`);
    offsets[name] = bytes;
    bytes += FIELD_BYTES[type];
  }
  return { offsets, bytes };
}
