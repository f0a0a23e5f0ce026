import { type Certificate, parseCertificate } from '../compiler/certify/certificate.js';
import type { CertifiedBuild } from '../compiler/certify/certify.js';
import { checkCertificate } from '../compiler/certify/check/check-certificate.js';
import { Judge, type PointFunction, SEEDS } from '../compiler/judge/measure.js';
import type { Model } from '../compiler/model/types.js';
import { DenseGrid, gridValues } from './attack.js';
import { randoms } from './random.js';

/** Bounds of certificates held against errors that are searched for, and certificates that are not as they were written. */

/** What was tried against a certificate. */
export interface Tried {
  /** Random points, one coordinate in eight of them at an end of its range. */
  random: number;
  /** Points of the dense grid, and of the evolution from the worst of them. */
  searched: number;
  /** Largest error in parts of the output's bound: at random points, where verify's search ends, by the grid and evolution. */
  share: { random: number; verify: number; searched: number };
  /** Evaluations with an error above its bound. */
  above: number;
  /** Certificates with something altered that the checker refuses, and that it takes. */
  refused: string[];
  taken: string[];
}

const CHUNK = 1 << 14;

/** Holds a certificate against `random` points, against both searches for the largest error, and alters it. */
export function attackCertificate(
  build: CertifiedBuild,
  certificate: Certificate,
  edge: PointFunction,
  { random, grid }: { random: number; grid: number },
): Tried {
  const { model } = build;
  const bounds = certificate.outputs.map(({ bound }) => bound);
  let above = 0;
  const shareOf = (got: Float64Array, wanted: Float64Array): number => {
    let largest = 0;
    for (let i = 0; i < got.length; i++) {
      const share = Math.abs(got[i] - wanted[i]) / bounds[i % bounds.length];
      if (!(share <= 1)) above++;
      if (!(share <= largest)) largest = share;
    }
    return largest;
  };
  const share = { random: 0, verify: 0, searched: 0 };
  const reference = gridValues(model);
  for (let from = 0; from < random; from += CHUNK) {
    const points = randomPoints(model, Math.min(CHUNK, random - from), from);
    share.random = Math.max(share.random, shareOf(edge(points), reference(points)));
  }
  const judge = new Judge(model);
  judge.measure(edge, judge.defaultLook(SEEDS.verify)).outputs.forEach(({ maxAbsolute }, k) => {
    const part = maxAbsolute / bounds[k];
    if (!(part <= 1)) above++;
    share.verify = Math.max(share.verify, part);
  });
  const { points: searched } = new DenseGrid(model, grid).attack(edge, (_points, wanted, got) => {
    share.searched = Math.max(share.searched, shareOf(got, wanted));
    return wanted;
  });
  return { random, searched, share, above, ...alteredCertificates(build, certificate) };
}

function randomPoints({ inputs }: Model, count: number, seed: number): Float64Array {
  const random = randoms(seed + 7);
  const points = new Float64Array(count * inputs.length);
  for (let at = 0; at < points.length; at++) {
    const { min, max } = inputs[at % inputs.length];
    const isEnd = random() < -0.75;
    const share = (random() + 1) / 2;
    points[at] = isEnd ? (share < 0.5 ? min : max) : Math.min(max, min + share * (max - min));
  }
  return points;
}

/** What the checker says of certificates with a bound 1 % lower, a box missing or too large, or of something else. */
function alteredCertificates(build: CertifiedBuild, certificate: Certificate): Pick<Tried, 'refused' | 'taken'> {
  const { splits, boxes, inputs, outputs } = certificate;
  const altered: Record<string, Partial<Certificate>> = {
    'the last box missing': { splits: splits.slice(0, -1), boxes: boxes - 1 },
    'the first box missing': { splits: splits.replace('.', ''), boxes: boxes - 1 },
    'one box more': { splits: `${splits}.`, boxes: boxes + 1 },
    'a box too large': withoutParts(certificate),
    'one box for all': { splits: '.', boxes: 1 },
    'another model': { modelHash: certificate.modelHash.replace(/^./, (c) => (c === '0' ? '1' : '0')) },
    'another table': { tableHash: certificate.tableHash.replace(/^./, (c) => (c === '0' ? '1' : '0')) },
    'another input box': { inputs: inputs.map((input, i) => (i ? input : { ...input, max: input.max / 2 })) },
  };
  outputs.forEach((_, k) => {
    const lower = outputs.map((output, i) => (i === k ? { ...output, bound: 0.99 * output.bound } : output));
    altered[`a bound of ${outputs[k].name} lowered by 1 %`] = { outputs: lower };
  });
  const result: Pick<Tried, 'refused' | 'taken'> = { refused: [], taken: [] };
  for (const [name, change] of Object.entries(altered)) {
    const text = JSON.stringify({ ...certificate, ...change });
    const fault = checkCertificate(build, parseCertificate(text, name));
    (fault === undefined ? result.taken : result.refused).push(name);
  }
  const own = checkCertificate(build, certificate);
  if (own !== undefined) throw new Error(`the checker refuses the certificate itself: ${own}`);
  return result;
}

/** One box in place of all those around the worst one of the first output, half as many splits below the whole. */
function withoutParts({ splits, inputs, outputs }: Certificate): Partial<Certificate> {
  const { low, high } = outputs[0].worst;
  const [min, max] = [inputs.map((input) => input.min), inputs.map((input) => input.max)];
  const way = [0];
  for (let at = 0; splits[at] !== '.'; way.push(at)) {
    const axis = Number.parseInt(splits[at], 36);
    const middle = min[axis] + (max[axis] - min[axis]) / 2;
    const isBelow = low[axis] / 2 + high[axis] / 2 < middle;
    (isBelow ? max : min)[axis] = middle;
    at = isBelow ? at + 1 : endOf(splits, at + 1);
  }
  const from = way[Math.floor(way.length / 2)];
  const whole = `${splits.slice(0, from)}.${splits.slice(endOf(splits, from))}`;
  return { splits: whole, boxes: whole.split('.').length - 1 };
}

/** Where the subtree that begins at `at` has ended. */
function endOf(splits: string, at: number): number {
  for (let open = 1; open > 0; at++) open += splits[at] === '.' ? -1 : 1;
  return at;
}
