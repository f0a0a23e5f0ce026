import type { BuildEngine } from '../code/engines/build-engine.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { IrGraph } from '../ir/types.js';
import type { Model } from '../model/types.js';
import { hasOncePart, inParts } from '../table/lower/parts.js';

/**
 * That a model with inputs that are given once has two parts, and an engine that runs them by themselves.
 *
 * @throws PE2021 where it is not so; PE3008 for an engine that always runs the whole table
 */
export function requireParts(model: Model, graph: IrGraph, engine: BuildEngine, file: string): void {
  const once = model.inputs.filter((input) => input.once).map(({ name }) => name);
  if (!once.length) return;
  const others = model.inputs.length - once.length;
  const names = once.length > MOST_NAMES ? `${once[0]} .. ${once.at(-1)}` : once.join(', ');
  if (!others) throw new PinnEdgeError('PE2021', { file, names, reason: 'no other input is left for each point' });
  if (inParts(graph.nodes, model.inputs).once === graph.nodes.length) {
    throw new PinnEdgeError('PE2021', { file, names, reason: 'no output depends on any other input' });
  }
  if (!hasOncePart(graph.nodes, model.inputs)) {
    const reason =
      'nothing is computed of them that does not need the other inputs, too; a network with a part of its own for them, such as a DeepONet with its branch, has that';
    throw new PinnEdgeError('PE2021', { file, names, reason });
  }
  if (engine === 'wasm3+native') {
    const reason = 'its kernels run the whole block table; --engine wasm3 and c have both parts';
    throw new PinnEdgeError('PE3008', { option: '--once', other: '--engine wasm3+native', reason });
  }
}

const MOST_NAMES = 4;
