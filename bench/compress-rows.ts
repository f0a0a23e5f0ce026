import { type Effort, METHODS } from '../compiler/compress/compress-options.js';

/** Plain tables of the outputs with interpolation, to compare with. */
export const LOOKUP_TABLES = ['bilinear', 'cubic'] as const;
export type LookupTable = (typeof LOOKUP_TABLES)[number];

/** Rows of `npm run bench:compress`. `build`: `auto` taken through formats and tables. */
export const ROWS = [...METHODS, ...LOOKUP_TABLES, 'build'] as const;

export interface Row {
  group: 'example' | 'shared' | 'scaling';
  model: string;
  tolerance: number;
  method: (typeof ROWS)[number];
  effort: Effort;
  parameters: [before: number, after: number];
  /** Multiply-accumulates per answer. */
  macs: [before: number, after: number];
  /** Undefined where the method does not keep the tolerance. */
  bytes?: number;
  error: number;
  kernel?: number;
  /** CPU time. */
  seconds: number;
  /** True where the search was ended by `--row-seconds`. */
  cut?: boolean;
}
