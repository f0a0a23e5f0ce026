import { type CertifiedBuild, certify } from '../compiler/certify/certify.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../compiler/code/engines/engine.js';
import { congruential } from '../compiler/judge/points/random.js';
import { evaluateReference } from '../compiler/judge/reference/evaluate.js';
import { createOracle } from '../compiler/table/oracle/oracle.js';
import { decodeTable, HEADER_BYTES, sealTable } from '../compiler/table/table.js';

/** Tables with one bit altered: what is proved of them has to hold of them, however far it is from what was built. */

/** What became of so many altered tables. */
export interface Altered {
  /** For how many a bound was proved; the others were refused by name. */
  proved: number;
  /** Refusals by code. */
  refused: Record<string, number>;
  /** The bits for which a point above the bound was found. */
  above: number[];
}

const REFUSALS = ['PE6001', 'PE4201', 'PE4203'];

/** The table with a bit inverted and its CRC repaired. */
export function withBit(table: Uint8Array, bit: number): Uint8Array {
  const altered = table.slice();
  altered[bit >> 3] ^= 1 << (bit & 7);
  sealTable(altered);
  return altered;
}

/**
 * Proves bounds of `count` tables with one bit altered each, behind the header, and tries each at the points.
 *
 * @param points row-major [count x inputs]
 */
export async function attackAltered(
  build: CertifiedBuild,
  points: Float64Array,
  count: number,
  { boxes = 30, seed = 1 } = {},
): Promise<Altered> {
  const random = congruential(seed);
  const wanted = evaluateReference(build.model, points);
  const result: Altered = { proved: 0, refused: {}, above: [] };
  for (let n = 0; n < count; n++) {
    const bit = 8 * HEADER_BYTES + Math.floor(random() * 8 * (build.table.length - HEADER_BYTES));
    const altered = { ...build, table: withBit(build.table, bit) };
    try {
      const { certificate } = await certify(altered, { threads: 1, boxes });
      result.proved++;
      const got = edgeAt(altered, points);
      const { outputs } = certificate;
      const isAbove = got.some((value, i) => !(Math.abs(value - wanted[i]) <= outputs[i % outputs.length].bound));
      if (isAbove) result.above.push(bit);
    } catch (error) {
      const { code = '' } = error as { code?: string };
      if (!REFUSALS.includes(code)) throw error;
      result.refused[code] = (result.refused[code] ?? 0) + 1;
    }
  }
  return result;
}

/** What the integers give, in engineering units. */
function edgeAt({ model, table }: CertifiedBuild, points: Float64Array): Float64Array {
  const decoded = decodeTable(table);
  const words = createOracle(decoded).run(toWords(points, inputWordFormats(decoded))).outputs;
  return fromWords(words, outputWordFormats(decoded, model.outputs));
}
