import type { CertifiedOutput } from '../../certify/certificate.js';
import type { Model } from '../../model/types.js';
import type { Golden } from '../package/golden.js';
import type { Report } from '../package/report.js';

/** What report.html carries: facts as JSON and, behind it, the binary parts that the facts point into. */

/** Bytes of a part, from the end of the JSON. */
export interface Part {
  at: number;
  bytes: number;
}

/** A tensor of the float network: row-major little-endian numbers, as float32 where that is exact. */
export interface PackedTensor extends Part {
  name: string;
  shape: number[];
  isSingle: boolean;
}

/** The float network without its numbers. */
export interface PackedModel extends Omit<Model, 'tensors' | 'widths'> {
  widths: [name: string, width: number][];
  tensors: PackedTensor[];
}

/** What a board showed when it ran the golden vectors; bytes, and instructions per answer. */
export interface MeasuredBoard {
  board: string;
  counts: string;
  instructions: number;
  flashBytes: number;
  ramBytes: number;
  stackBytes: number;
}

export interface PackedBuild {
  report: Report;
  golden: Pick<Golden, 'inputWords' | 'outputWords' | 'points'>;
  /** Index into `models`: builds of one model share it. */
  model: number;
  /** What runs in the page: the module, or for the engine `c` the block table. */
  program: Part & { crc: number };
  /** The block table, for the kernels that a module of `wasm3+native` has not. */
  table?: Part;
  /** Largest |reference| of every output over the box, engineering units. */
  largest: number[];
  proved?: CertifiedOutput[];
  boards: MeasuredBoard[];
  /** Pictures of matrices that are not dense: name and SVG. */
  pictures: [name: string, svg: string][];
}

export interface PageData {
  models: PackedModel[];
  builds: PackedBuild[];
}
