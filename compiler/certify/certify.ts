import { availableParallelism } from 'node:os';
import { PinnEdgeError } from '../diagnostics.js';
import { VERSION } from '../host/package-root.js';
import type { MapClaim } from '../ir/map-function.js';
import type { Model } from '../model/types.js';
import { CERTIFICATE_FORMAT, type Certificate, sha256 } from './certificate.js';
import type { Orders } from './prove/element-bounds.js';
import { CAN_THREAD, localEvaluator, pairOf, type Subject, threadPool } from './prove/evaluator.js';
import { type Progress, type SearchResult, searchBoxes } from './prove/search.js';

/** What is certified: a build, in memory or read from its folder. */
export interface CertifiedBuild {
  model: Model;
  /** The block table. */
  table: Uint8Array;
  claims: readonly (MapClaim | null)[];
  modelHash: string;
  outputs: readonly { name: string; unit?: string; scale: number; offset: number; maxAbsolute: number }[];
}

export interface CertifyOptions {
  /** Worker threads; default: one per core. */
  threads?: number;
  /** Most boxes. */
  boxes?: number;
  /** Per output, a bound that is small enough; default: as tight as the method gets. */
  enough?: readonly number[];
  /** Whether to end as soon as some place shows that `enough` is out of reach. */
  isTrial?: boolean;
  /** Asked between rounds; the certificate is then of what is proved so far. */
  stop?: () => boolean;
  onProgress?: (progress: Progress) => void;
}

export interface Certified {
  certificate: Certificate;
  search: SearchResult;
}

export const DEFAULT_BOXES = 60_000;

/** Slack for the checker, whose own arithmetic rounds in other places. */
const SLACK = 1 + 1e-6;

/** Degrees that take the fewest operations for networks of so many inputs. */
export function ordersFor(inputs: number): Orders {
  if (inputs <= 2) return { value: 5, slope: 3 };
  if (inputs === 3) return { value: 4, slope: 2 };
  if (inputs === 4) return { value: 3, slope: 2 };
  return { value: 2, slope: 1 };
}

/**
 * Proves, per output, a bound of |edge(x) - reference(x)| for every x in the input box.
 *
 * @throws PE4201 for an operation that is not covered, PE4203 where there is no bound
 */
export async function certify(build: CertifiedBuild, options: CertifyOptions = {}): Promise<Certified> {
  const { model, table, claims, outputs } = build;
  const { threads = availableParallelism(), boxes = DEFAULT_BOXES } = options;
  const subject: Subject = { model, table, claims, scales: outputs.map(({ scale, offset }) => ({ scale, offset })) };
  const orders = ordersFor(model.inputs.length);
  // Made here in any case: what is not covered is refused before threads start.
  const pair = pairOf(subject, orders);
  const pool = CAN_THREAD && threads > 1 ? threadPool(subject, orders, threads) : undefined;
  try {
    const search = await searchBoxes(pool ?? localEvaluator(pair), {
      min: model.inputs.map(({ min }) => min),
      max: model.inputs.map(({ max }) => max),
      mostBoxes: boxes,
      ...options,
    });
    requireBounds(model, search);
    return { certificate: certificateOf(build, orders, search), search };
  } finally {
    await pool?.close();
  }
}

function requireBounds(model: Model, { bounds, worst, ended }: SearchResult): void {
  const k = bounds.findIndex((bound) => !Number.isFinite(bound));
  if (k < 0) return;
  const { low, high } = worst[k].box;
  const place = model.inputs.map(({ name }, i) => `${name} = ${low[i]} .. ${high[i]}`).join(', ');
  const why = ended === 'stopped' || ended === 'boxes' ? 'time or boxes were too few: allow more' : STUCK;
  throw new PinnEdgeError('PE4203', { output: model.outputs[k].name, place, reason: why });
}

const STUCK = 'a division, root or logarithm may leave its domain there; keep its argument away from the end';

function certificateOf(build: CertifiedBuild, orders: Orders, search: SearchResult): Certificate {
  const { model, table, claims, modelHash, outputs } = build;
  return {
    format: CERTIFICATE_FORMAT,
    pinnEdge: VERSION,
    name: model.name,
    modelHash,
    tableHash: sha256(table),
    orders,
    inputs: model.inputs.map(({ name, min, max }) => ({ name, min, max })),
    outputs: outputs.map(({ name, unit, maxAbsolute }, k) => {
      const { box, shares } = search.worst[k];
      const worst = { low: [...box.low], high: [...box.high] };
      return { name, unit, bound: search.bounds[k] * SLACK, observed: maxAbsolute, shares: { ...shares }, worst };
    }),
    functions: [...claims],
    boxes: search.boxes,
    splits: search.splits,
  };
}
