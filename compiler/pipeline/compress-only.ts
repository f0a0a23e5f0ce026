import { type CompressedModel, compressModel } from '../compress/compress.js';
import { requirementOf } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import type { CompileOptions } from './compile-options.js';
import { graphsOf } from './graph-stage.js';

/** Only the first stages: the model made smaller within a tolerance, weights rounded. */
export async function compressOnly(model: Model, options: CompileOptions): Promise<CompressedModel> {
  const { compressWith = compressModel, file = model.name } = options;
  const { source, whole } = graphsOf(model, file, requirementOf(model, options.tolerance));
  return compressWith(model, source, whole.allowances, { round: true, ...options.compress });
}
