import { createHash } from 'node:crypto';
import { PinnEdgeError } from '../diagnostics.js';
import type { MapClaim } from '../ir/map-function.js';

/**
 * `certificate.json`: a bound of |edge - reference| per output for every point of the input box, and what is needed to
 * prove it again: the tree of boxes, the orders of the polynomials, and the functions that tables stand for.
 */
export interface Certificate {
  format: 'pinn-edge-certificate/1';
  pinnEdge: string;
  name: string;
  /** SHA-256 of the model and its weights, as in report.json. */
  modelHash: string;
  /** SHA-256 of table.bin. */
  tableHash: string;
  /** Degrees of the polynomials of values and of slopes. */
  orders: { value: number; slope: number };
  inputs: { name: string; min: number; max: number }[];
  outputs: CertifiedOutput[];
  /** Per record of the table, the function that a map stands for: claims, which the proof is of. */
  functions: (MapClaim | null)[];
  /** Number of boxes. */
  boxes: number;
  /** The tree of boxes in preorder: the axis that is split in the middle, in base 36, or a dot for a box. */
  splits: string;
}

export interface CertifiedOutput {
  name: string;
  unit?: string;
  /** |edge - reference| <= bound, in the output's unit, for every x in the box. */
  bound: number;
  /** Largest error that the build measured, in the same unit. */
  observed: number;
  /** What the bound is made of in the box where it is largest; adds up to about the bound. */
  shares: Record<string, number>;
  /** That box. */
  worst: { low: number[]; high: number[] };
}

export const CERTIFICATE_FORMAT = 'pinn-edge-certificate/1';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws PE4202 when the text is not a certificate of this format */
export function parseCertificate(text: string, file: string): Certificate {
  const refuse = (reason: string) => new PinnEdgeError('PE4202', { file, reason });
  let value: Certificate;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const format = value?.format as string | undefined;
  if (typeof format !== 'string' || !format.startsWith('pinn-edge-certificate/')) throw refuse('it is no certificate');
  if (format !== CERTIFICATE_FORMAT) {
    throw refuse(`its format is ${format}, this version reads ${CERTIFICATE_FORMAT}; check it with a newer pinn-edge`);
  }
  const { orders, inputs, outputs, functions, splits, boxes } = value;
  const isOrder = (k: unknown) => Number.isInteger(k) && (k as number) >= 1 && (k as number) <= 5;
  const isWhole =
    isOrder(orders?.value) &&
    isOrder(orders?.slope) &&
    orders.slope <= orders.value &&
    Array.isArray(inputs) &&
    Array.isArray(outputs) &&
    outputs.every(({ bound }) => typeof bound === 'number' && bound >= 0) &&
    Array.isArray(functions) &&
    typeof splits === 'string' &&
    Number.isInteger(boxes);
  if (!isWhole) throw refuse('a field is missing or not what it should be');
  return value;
}
