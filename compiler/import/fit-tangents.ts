import { PinnEdgeError } from '../diagnostics.js';
import { interiorPoints } from '../judge/points/cover.js';
import { evaluateReference } from '../judge/reference/evaluate.js';
import { inputBox } from '../model/box.js';
import { allOutputs, type Model } from '../model/types.js';
import { requireOnce } from './options.js';
import { withDerived } from './select-outputs.js';

/** What fitting needs of a build: which inputs can be fitted, to which outputs, and by which tangents. */
export interface FitOutputs {
  /** Names of the inputs that can be fitted. */
  parameters: string[];
  /** Names of the outputs that can be measured: the first of the model. Those behind them are only for fits. */
  outputs: string[];
  /** Outputs that are the derivative of an output by a parameter; a pair that is not there has the derivative 0. */
  tangents: { output: string; parameter: string; name: string }[];
}

/** As many as PE_FIT_MAX_PARAMETERS of targets/common/pe_fit.h. */
const MAX_PARAMETERS = 8;
/** Where a derivative is looked at before it is taken for zero. */
const POINTS = 512;

/**
 * The model with the derivatives of its outputs by the parameters as further outputs, behind its own. Derivatives that are
 * zero everywhere are left out.
 *
 * @throws PE3005 for parameters that are no inputs, that change no output, or for more than can be fitted
 */
export function withTangents(model: Model, parameters: readonly string[]): { model: Model; fit: FitOutputs } {
  const option = `--fit ${parameters.join(',')}`;
  const refuse = (reason: string): never => {
    throw new PinnEdgeError('PE3005', { option, reason });
  };
  const inputs = model.inputs.map(({ name }) => name);
  parameters.forEach((name, i) => {
    requireOnce(parameters.slice(0, i), name, option);
    if (!inputs.includes(name)) refuse(`there is no input "${name}"; inputs are ${inputs.join(', ')}`);
  });
  if (parameters.length > MAX_PARAMETERS) refuse(`at most ${MAX_PARAMETERS} inputs can be fitted`);
  const outputs = model.outputs.map(({ name }) => name);
  const pairs = outputs.flatMap((output) =>
    parameters.map((parameter) => ({ output, parameter, name: freeName(model, `${output}_${parameter}`, refuse) })),
  );
  const derive = pairs.map(({ output, parameter, name }) => ({ name, expression: `${output}_${parameter}` }));
  const all = { ...model, ...withDerived(model, { derive }) };
  const points = interiorPoints(inputBox(model.inputs), POINTS, 1);
  const answers = evaluateReference(all, points);
  const width = all.outputs.length;
  const moves = (k: number) => answers.some((value, i) => i % width === k && value !== 0);
  const tangents = pairs.filter((_, k) => moves(outputs.length + k));
  for (const parameter of parameters) {
    if (tangents.some((tangent) => tangent.parameter === parameter)) continue;
    refuse(`input "${parameter}" changes no output (${outputs.join(', ')}), so nothing can be learned of it`);
  }
  const kept = withDerived(model, { derive: derive.filter(({ name }) => tangents.some((t) => t.name === name)) });
  return { model: { ...model, ...kept }, fit: { parameters: [...parameters], outputs, tangents } };
}

/** A derivative's own name, unless it is an output that was asked for already. */
function freeName(model: Model, name: string, refuse: (reason: string) => never): string {
  const taken = allOutputs(model).find((output) => output.name === name);
  if (!taken) return name;
  if (taken.expression === name) return `${name}_tangent`;
  return refuse(`the derivative that it needs is called "${name}", and so is another output; rename that one`);
}
