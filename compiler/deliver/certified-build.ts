import type { Certificate } from '../certify/certificate.js';
import { type Certified, certify } from '../certify/certify.js';
import { withProvedRanges } from '../certify/ranges.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { allowancesOf, describeRequirement } from '../judge/requirement.js';
import { modelHash } from '../model/hash.js';
import type { CompileOptions } from '../pipeline/compile-options.js';
import type { CompiledModel } from '../pipeline/compiled-model.js';

/**
 * Shares of the tolerance for formats that are tried one after another: first what measurement allows. A proof counts on all
 * roundings conspiring, the noise model on their spread: some two bits lie between them.
 */
const BUDGETS = [undefined, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 64];
/** A bound is about in proportion to the share, but for what the network itself is off; this much less is tried, too. */
const NEAR = 1.5;
/** Boxes that a proof of one choice of formats may take. */
const BOXES = 12_000;

/** How formats are chosen for a proof. */
export type ProofSettings = Pick<CompileOptions, 'formatBudget' | 'refineRanges'>;

/** What was proved of one choice of formats. */
export interface ProofAttempt {
  /** Of the tolerance; the worst output counts. What is proved, or what no proof of these formats gets below. */
  share: number;
  isProved: boolean;
  boxes: number;
}

/**
 * The first of ever finer formats with which the tolerance is proved at every point. Formats hold proved ranges of values
 * where those are narrower than sampled ones with their margin, or where sampling has missed a peak.
 *
 * @param make compiles the model
 * @throws PE4205 where none is, with the least bound that was proved
 */
export async function provedCompile(
  make: (settings: ProofSettings) => Promise<CompiledModel>,
  onProof: (attempt: ProofAttempt) => void = () => {},
): Promise<{ compiled: CompiledModel; certificate: Certificate }> {
  let best = Number.POSITIVE_INFINITY;
  let tolerance = '';
  let nothing: PinnEdgeError | undefined;
  let most = Number.POSITIVE_INFINITY;
  for (const [i, formatBudget] of BUDGETS.entries()) {
    const isLast = i === BUDGETS.length - 1;
    if ((formatBudget ?? 1) > most && !isLast) continue;
    const compiled = await make({ formatBudget, refineRanges: withProvedRanges });
    const { outputs } = compiled.measured;
    tolerance = describeRequirement(compiled.tolerance);
    const allowed = allowancesOf(
      compiled.tolerance,
      outputs,
      outputs.map(({ largestReference }) => largestReference),
    );
    const proof = await proofOf(compiled, allowed, !isLast);
    if (proof instanceof PinnEdgeError) {
      nothing = proof;
      onProof({ share: Number.POSITIVE_INFINITY, isProved: false, boxes: BOXES });
      continue;
    }
    const { certificate, search } = proof;
    const isProved = search.ended !== 'hopeless';
    const shareOf = (bounds: readonly number[]) => Math.max(...bounds.map((bound, k) => bound / allowed[k]));
    const proved = shareOf(certificate.outputs.map(({ bound }) => bound));
    const share = isProved ? proved : shareOf(search.least);
    onProof({ share, isProved, boxes: certificate.boxes });
    if (proved <= 1) return { compiled, certificate };
    best = Math.min(best, proved);
    most = (NEAR * (formatBudget ?? 1)) / share;
  }
  if (nothing && best === Number.POSITIVE_INFINITY) throw nothing;
  throw new PinnEdgeError('PE4205', { tolerance, times: best.toPrecision(3) }, EXIT.checkFailed);
}

/** Why nothing is proved, where nothing is. @param isTrial whether to end as soon as it cannot be enough */
async function proofOf(
  compiled: CompiledModel,
  enough: readonly number[],
  isTrial: boolean,
): Promise<Certified | PinnEdgeError> {
  const { model, table, lowered, measured } = compiled;
  const outputs = model.outputs.map(({ name, unit, scale = 1, offset = 0 }, k) => {
    return { name, unit, scale, offset, maxAbsolute: measured.outputs[k].maxAbsolute };
  });
  const subject = { model, table, claims: lowered.claims, modelHash: modelHash(model), outputs };
  const slack = 1 - 2e-6;
  const limits = { boxes: BOXES, enough: enough.map((bound) => slack * bound), isTrial };
  try {
    return await certify(subject, limits);
  } catch (error) {
    // Finer formats may be further from the end of a domain.
    if (error instanceof PinnEdgeError && error.code === 'PE4203') return error;
    throw error;
  }
}
