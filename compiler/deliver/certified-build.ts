import type { Certificate } from '../certify/certificate.js';
import { certify } from '../certify/certify.js';
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
/** Boxes that a proof of one choice of formats may take. */
const BOXES = 12_000;

/** How formats are chosen for a proof. */
export type ProofSettings = Pick<CompileOptions, 'formatBudget' | 'refineRanges'>;

/** What was proved of one choice of formats. */
export interface ProofAttempt {
  /** Of the tolerance; the worst output counts. */
  share: number;
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
  for (const formatBudget of BUDGETS) {
    const compiled = await make({ formatBudget, refineRanges: withProvedRanges });
    const { outputs } = compiled.measured;
    tolerance = describeRequirement(compiled.tolerance);
    const allowed = allowancesOf(
      compiled.tolerance,
      outputs,
      outputs.map(({ largestReference }) => largestReference),
    );
    const certificate = await certificateOf(compiled, allowed);
    const share = Math.max(...certificate.outputs.map(({ bound }, k) => bound / allowed[k]));
    onProof({ share, boxes: certificate.boxes });
    if (share <= 1) return { compiled, certificate };
    best = Math.min(best, share);
  }
  throw new PinnEdgeError('PE4205', { tolerance, times: best.toPrecision(3) }, EXIT.checkFailed);
}

async function certificateOf(compiled: CompiledModel, enough: readonly number[]): Promise<Certificate> {
  const { model, table, lowered, measured } = compiled;
  const outputs = model.outputs.map(({ name, unit, scale = 1, offset = 0 }, k) => {
    return { name, unit, scale, offset, maxAbsolute: measured.outputs[k].maxAbsolute };
  });
  const subject = { model, table, claims: lowered.claims, modelHash: modelHash(model), outputs };
  const slack = 1 - 2e-6;
  const { certificate } = await certify(subject, { boxes: BOXES, enough: enough.map((bound) => slack * bound) });
  return certificate;
}
