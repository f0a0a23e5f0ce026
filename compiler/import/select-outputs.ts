import { PinnEdgeError, type Problem } from '../diagnostics.js';
import { forEachMeaning } from '../model/derivatives.js';
import { checkDerivedOutputs } from '../model/physics.js';
import { allOutputs, type Model, type ModelOutput } from '../model/types.js';
import type { DeriveFacts, ImportOptions } from './types.js';

/** Outputs that the command line adds as expressions, and the choice of those that are sent. */

type Outputs = Pick<Model, 'outputs' | 'hidden'>;
type Known = Outputs & Pick<Model, 'inputs' | 'physics'>;

/** The outputs with those of `--derive` and `--residuals`. Throws PE3005 for an expression that means nothing. */
export function withDerived(model: Known, { derive = [], residuals }: ImportOptions): Outputs {
  const added: DeriveFacts[] = [...derive];
  if (residuals) added.push(...residualOutputs(model));
  let { outputs, hidden } = model;
  for (const { name, expression } of added) {
    const option = derive.some((facts) => facts.name === name) ? `--derive ${name}` : '--residuals';
    const taken = [...model.inputs, ...allOutputs({ outputs, hidden })].some((known) => known.name === name);
    if (taken || Object.hasOwn(model.physics?.parameters ?? {}, name)) {
      throw new PinnEdgeError('PE3005', {
        option,
        reason: `the name "${name}" is taken; give another, as in "r = ${expression}"`,
      });
    }
    const problems: Problem[] = [];
    checkDerivedOutputs({ ...model, outputs: [...outputs, { name, expression }], hidden }, problems);
    const problem = problems.at(-1);
    if (problem)
      throw new PinnEdgeError('PE3005', { option, reason: `found ${problem.found}, expected ${problem.expected}` });
    outputs = [...outputs, { name, expression }];
  }
  return hidden ? { outputs, hidden } : { outputs };
}

function residualOutputs({ physics }: Known): DeriveFacts[] {
  const residuals = physics?.residuals ?? [];
  if (!residuals.length) {
    const reason = 'the model has no residuals; give them in its physics block, or each with --derive "r = ..."';
    throw new PinnEdgeError('PE3005', { option: '--residuals', reason });
  }
  return residuals.map(({ name, expression }) => ({ name: name.replace(/[^A-Za-z0-9_]/g, '_'), expression }));
}

/**
 * The outputs of the given names, in that order. Others stay as hidden ones where an expression needs them; the rest is
 * dropped, which a note says.
 */
export function selectOutputs(
  file: string,
  model: Known,
  keep: readonly string[] | undefined,
  notes: string[],
): Outputs {
  if (!keep) return model.hidden ? { outputs: model.outputs, hidden: model.hidden } : { outputs: model.outputs };
  const all = allOutputs(model);
  const known = all.map(({ name }) => name);
  const outputs = keep.map((name) => {
    const output = all.find((o) => o.name === name);
    if (!output) throw missingName(file, 'output', name, known);
    return output;
  });
  const needed = new Set(outputs);
  const need = (output: ModelOutput) => {
    if (output.expression === undefined) return;
    forEachMeaning(model, output.expression, (meaning) => {
      if (meaning.kind !== 'output' || needed.has(meaning.output)) return;
      needed.add(meaning.output);
      need(meaning.output);
    });
  };
  for (const output of outputs) need(output);
  const hidden = all.filter((output) => needed.has(output) && !keep.includes(output.name));
  const dropped = known.filter((name) => !all.some((o) => o.name === name && needed.has(o)));
  if (dropped.length) notes.push(`output${dropped.length > 1 ? 's' : ''} ${dropped.join(', ')} dropped`);
  return hidden.length ? { outputs, hidden } : { outputs };
}

export function missingName(file: string, what: string, name: string, known: readonly string[]): PinnEdgeError {
  const are = known.length === 1 ? 'is only' : 'are';
  return new PinnEdgeError('PE7009', { file, what, name, are, known: known.join(', ') || 'none' });
}
