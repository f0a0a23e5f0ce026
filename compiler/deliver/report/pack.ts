import { crc32 } from 'node:zlib';
import { zlibSync } from 'fflate';
import type { CertifiedOutput } from '../../certify/certificate.js';
import { modelHash } from '../../model/hash.js';
import type { Model } from '../../model/types.js';
import type { Golden } from '../package/golden.js';
import type { Report } from '../package/report.js';
import type { MeasuredBoard, PackedBuild, PackedModel, PackedTensor, PageData, Part } from './page-data.js';
import { toSevenBits } from './seven-bits.js';

/** Builds as the text that report.html carries. The same builds give the same text. */

/** A build as a page shows it, written already or not yet. */
export interface PageBuild {
  report: Report;
  model: Model;
  golden: Golden;
  wasm: Uint8Array;
  table: Uint8Array;
  proved?: CertifiedOutput[];
  boards?: MeasuredBoard[];
  pictures: [name: string, svg: string][];
}

export function packBuilds(builds: readonly PageBuild[]): string {
  const binary = new Binary();
  const models = new Map<string, { index: number; packed: PackedModel }>();
  const packed = builds.map((build): PackedBuild => {
    const hash = modelHash(build.model);
    if (!models.has(hash)) models.set(hash, { index: models.size, packed: packModel(build.model, binary) });
    const isC = build.report.engine === 'c';
    const program = isC ? build.table : build.wasm;
    const { inputWords, outputWords, points } = build.golden;
    return {
      report: build.report,
      golden: { inputWords, outputWords, points },
      model: models.get(hash)!.index,
      program: { ...binary.add(program), crc: crc32(program) },
      table: build.report.engine === 'wasm3+native' ? binary.add(build.table) : undefined,
      largest: largestReferences(build),
      proved: build.proved,
      boards: build.boards ?? [],
      pictures: build.pictures,
    };
  });
  const data: PageData = { models: [...models.values()].map((entry) => entry.packed), builds: packed };
  return deflated(withLength(new TextEncoder().encode(JSON.stringify(data)), binary.bytes()));
}

/** Compressed, by a library of ours and not the machine's, so that the text is the same on every machine. */
export function deflated(bytes: Uint8Array): string {
  return toSevenBits(zlibSync(bytes, { level: 9 }));
}

/** Length of the JSON (uint32, little-endian), the JSON, the binary parts. */
function withLength(json: Uint8Array, parts: Uint8Array): Uint8Array {
  const all = new Uint8Array(4 + json.length + parts.length);
  new DataView(all.buffer).setUint32(0, json.length, true);
  all.set(json, 4);
  all.set(parts, 4 + json.length);
  return all;
}

class Binary {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  add(bytes: Uint8Array): Part {
    const part = { at: this.length, bytes: bytes.length };
    this.parts.push(bytes);
    this.length += bytes.length;
    return part;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}

function packModel({ tensors, widths, ...model }: Model, binary: Binary): PackedModel {
  const packed = [...tensors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { shape, data }]): PackedTensor => {
      const isSingle = data.every((value) => Math.fround(value) === value);
      return { name, shape, isSingle, ...binary.add(bytePlanes(data, isSingle)) };
    });
  return { ...model, widths: [...widths], tensors: packed };
}

/** First bytes of all numbers, then their second ones, and so on: exponents, which repeat, come together. */
function bytePlanes(data: Float64Array, isSingle: boolean): Uint8Array {
  const size = isSingle ? 4 : 8;
  const view = new DataView(new ArrayBuffer(size * data.length));
  data.forEach((value, i) => {
    if (isSingle) view.setFloat32(4 * i, value, true);
    else view.setFloat64(8 * i, value, true);
  });
  return Uint8Array.from({ length: view.byteLength }, (_, i) =>
    view.getUint8((i % data.length) * size + Math.floor(i / data.length)),
  );
}

/** As the build measured it; of an output without error, from the golden vectors. */
function largestReferences({ report, golden }: PageBuild): number[] {
  return report.outputs.map(({ maxAbsolute, maxRelative }, k) =>
    maxRelative > 0 ? maxAbsolute / maxRelative : Math.max(...golden.reference.map((row) => Math.abs(row[k]))),
  );
}
