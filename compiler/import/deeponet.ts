import type { Chain } from './infer.js';
import type { TensorNames } from './tensor-names.js';

/** A DeepONet (Lu et al., arXiv 1910.03193): the outputs of a branch and a trunk, multiplied and summed. */
export interface DeepOnet {
  /** One per output of the model. */
  biases: number[];
  outputs: string[];
  /** The trunk's last layer has the activation of its hidden layers. */
  activatedTrunk: boolean;
  notes: string[];
  assumptions: string[];
}

/** The pair that two chains are, the first named branch and the second trunk; the biases are read. */
export function deepOnet(chains: readonly Chain[], names: TensorNames): DeepOnet | undefined {
  if (chains.length !== 2 || !/branch/i.test(chains[0].name) || !/trunk/i.test(chains[1].name)) return undefined;
  const single = ['b', 'bias', 'b0'].find((name) => names.has(name));
  const biases = single === undefined ? listed(names) : names.numbers(single);
  const outputs = biases.length > 1 ? biases.map((_, i) => `u_${i}`) : ['u'];
  const notes = ['inferred: DeepONet, the dot product of its branch and trunk'];
  // DeepXDE (nn/pytorch/deeponet.py) names both networks' layers so, and activates what its trunk gives.
  const activatedTrunk = chains.every(({ name }) => /^(branch|trunk)_linears$/.test(name)) && biases.length > 0;
  const assumption = activatedTrunk
    ? "the trunk's last layer is activated, as in DeepXDE's DeepONet, whose names the file has; give networks with --spec if it is not"
    : "the trunk's last layer is not activated; give networks with --spec if it is";
  return { biases, outputs, activatedTrunk, notes, assumptions: [assumption] };
}

/** `b.0`, `b.1`, ...: one bias per output. */
function listed(names: TensorNames): number[] {
  const biases: number[] = [];
  while (names.has(`b.${biases.length}`)) biases.push(names.numbers(`b.${biases.length}`)[0]);
  return biases;
}
