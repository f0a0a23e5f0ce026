import { colsOf, type DenseCandidate, fittingLayouts, hintOf, rowsOf } from './dense-layout.js';
import type { Layout } from './network-spec.js';

/** The architecture of a plain network from the names and shapes of its layers. */

/** Layers that lead from one width to the next. */
export interface Chain {
  name: string;
  layers: DenseCandidate[];
  layout: Layout;
  /** Both layouts chain, and no name tells which it is. */
  layoutUnknown?: boolean;
}

/** Why no chain could be found. */
export class NotInferable extends Error {}

/** One network where all layers chain, in the order of the file or of their names; else one per group of names. */
export function inferChains(candidates: readonly DenseCandidate[], layout: Layout | undefined): Chain[] {
  if (!candidates.length) throw new NotInferable('none of its tensors has the name and shape of a weight matrix');
  const sorted = [...candidates].sort((p, q) => naturalOrder(p.name, q.name));
  const networks = networksAmong(candidates, layout);
  for (const order of [candidates, sorted]) {
    const chain = chainOf('N', order, layout);
    if (chain && networks) {
      const names = networks.map(({ name }) => name).join(' and ');
      throw new NotInferable(`${names} may be networks side by side, or one after the other`);
    }
    if (chain) return [chain];
  }
  const copy = networks?.find(({ name }) => COPY_NAME.test(name));
  if (networks && copy) {
    const names = networks.map(({ name }) => name).join(' and ');
    throw new NotInferable(
      `of ${names}, ${copy.name} has the name of a copy that training keeps, a moving average or an earlier state; list the layers of the one to build`,
    );
  }
  if (networks) return networks;
  const gates = gatesAmong(candidates, layout);
  if (gates) {
    const [u, v] = gates.gates.map(({ name }) => name);
    throw new NotInferable(
      `${u} and ${v} have the shape of the first layer, as the gates of a modified MLP have: "gates": { "u": "${u}", "v": "${v}" }`,
    );
  }
  const shapes = candidates.map(({ name, weight }) => `${name} [${weight.shape.join(', ')}]`);
  const list = shapes.length > 8 ? `${shapes.slice(0, 8).join(', ')} and ${shapes.length - 8} more` : shapes.join(', ');
  throw new NotInferable(`the layers ${list} do not follow each other`);
}

/** What copies of a network are called, beside which it would be taken for further outputs. */
const COPY_NAME = /(^|[._])(ema|swa|averaged?|shadow|target|teacher|best|old|prev(ious)?|last|backup|copy)([._]|\d*$)/i;

/** Groups of names that are chains by themselves and read the same inputs. */
export function networksAmong(candidates: readonly DenseCandidate[], layout: Layout | undefined): Chain[] | undefined {
  const groups = groupsOf([...candidates].sort((p, q) => naturalOrder(p.name, q.name)));
  if (groups.size < 2) return undefined;
  const chains = [...groups].map(([name, layers]) => chainOf(name, layers, layout));
  return chains.every((chain) => chain !== undefined) && areNetworks(chains) ? chains : undefined;
}

function chainOf(name: string, layers: readonly DenseCandidate[], given: Layout | undefined): Chain | undefined {
  const layouts = fittingLayouts(layers, given);
  if (!layouts.length) return undefined;
  const layoutUnknown = layouts.length > 1 && hintOf(layers) === undefined;
  return { name, layers: [...layers], layout: layouts[0], ...(layoutUnknown ? { layoutUnknown } : {}) };
}

/** Two layers of the first layer's shape beside a chain: the encoders of a modified MLP (arXiv 2001.04536). */
export function gatesAmong(
  candidates: readonly DenseCandidate[],
  layout: Layout | undefined,
): { gates: DenseCandidate[]; chain: Chain } | undefined {
  const sorted = [...candidates].sort((p, q) => naturalOrder(p.name, q.name));
  for (const order of [candidates, sorted]) {
    for (const first of order) {
      const alike = order.filter(({ weight }) => weight.shape.every((d, axis) => d === first.weight.shape[axis]));
      if (alike.length !== 3) continue;
      for (const entry of alike) {
        const gates = alike.filter((layer) => layer !== entry);
        const rest = order.filter((layer) => !gates.includes(layer));
        const chain = rest.length > 1 ? chainOf('N', rest, layout) : undefined;
        if (chain && chain.layers[0] === entry) return { gates, chain };
      }
    }
  }
  return undefined;
}

/** Heads on a common trunk are groups of names too; networks have layers of their own and read the same inputs. */
function areNetworks(chains: readonly Chain[]): boolean {
  const widths = chains.map(({ layers, layout }) => colsOf(layers[0].weight, layout));
  const isPair = chains.length === 2 && /branch/i.test(chains[0].name) && /trunk/i.test(chains[1].name);
  return chains.every(({ layers }) => layers.length > 1) && (isPair || widths.every((width) => width === widths[0]));
}

/** `layers.1.0` belongs to the first of parallel networks; else the name up to its last number is the group. */
function groupsOf(candidates: readonly DenseCandidate[]): Map<string, DenseCandidate[]> {
  const parallel = candidates.every(({ name }) => /^(.*\.)?\d+\.\d+$/.test(name));
  const byIndex = groupBy(candidates, ({ name }) =>
    parallel ? `net_${/\d+$/.exec(name)![0]}` : name.replace(/[._]?\d+$/, '') || 'N',
  );
  if (parallel || [...byIndex.values()].every((layers) => layers.length > 1)) return byIndex;
  // Layers with words for names: the networks are the names' first parts.
  return groupBy(candidates, ({ name }) => name.split('.')[0]);
}

/** Names compared by their words and numbers, so that layer 10 comes after layer 9. */
export function naturalOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Layers of equal shape: nothing but their order in the file or their names tells which is applied first. */
export function interchangeable({ layers }: Chain): DenseCandidate[] {
  const shape = ({ weight }: DenseCandidate) => weight.shape.join();
  return layers.filter((layer) => layers.some((other) => other !== layer && shape(other) === shape(layer)));
}

/**
 * Layers that look like blocks around which the input is added: numbered parts of several layers that end as wide as
 * they start, or square layers with such a name. A state dict does not tell whether it is.
 */
export function residualLooking({ layers, layout }: Chain): DenseCandidate[] {
  const parts = groupBy(layers, ({ name }) => /^(?:.*?[._])?\d+(?=\.)/.exec(name)?.[0] ?? '');
  const isBlock = (part: string, inside: readonly DenseCandidate[]) =>
    part !== '' &&
    inside.length < layers.length &&
    (inside.length > 1 || /\.[A-Za-z]+_?\d+$/.test(inside[0].name)) &&
    colsOf(inside[0].weight, layout) === rowsOf(inside.at(-1)!.weight, layout);
  const blocks = [...parts].flatMap(([part, inside]) => (isBlock(part, inside) ? inside : []));
  return layers.filter((layer) => blocks.includes(layer) || (isSquare(layer) && RESIDUAL_NAME.test(layer.name)));
}

const RESIDUAL_NAME =
  /(^|\.)((res|residual|resnet)_?(blocks?|layers?|units?|nets?)?s?|blocks?|skips?|short_?cuts?)_?\d*(\.|$)/i;

function isSquare({ weight }: DenseCandidate): boolean {
  return weight.shape[0] === weight.shape[1];
}

function groupBy<T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
