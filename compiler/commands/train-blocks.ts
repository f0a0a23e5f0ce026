import type { Command } from 'commander';
import type { Adaptation, BlockSettings } from '../compress/physics/trained-blocks.js';
import { PinnEdgeError } from '../diagnostics.js';
import { countOption, isGiven } from './options.js';
import { columns, count, error } from './output.js';

/** The options of `train` for matrices in blocks, and what it says of them. */

export interface BlockOptions {
  blocks?: number;
  every: number;
  most?: number;
  blockRank: number;
  kernel: number;
}

const OF_BLOCKS = { every: '--every', most: '--most', blockRank: '--block-rank', kernel: '--kernel' } as const;

export function withBlockOptions(command: Command): Command {
  return command
    .option(
      '--blocks <tolerance>',
      'matrices in hierarchical blocks, put into them anew within this relative error of the outputs; 1e-3 is usual',
      numberOption('--blocks', (value) => value > 0 && value < 1, 'above 0 and below 1'),
    )
    .option('--every <steps>', 'with --blocks: steps between adaptations', countOption('--every', 2, 1e6), 30)
    .option('--most <numbers>', 'with --blocks: numbers of the model at most', countOption('--most', 1, 1e9))
    .option(
      '--block-rank <weight>',
      'with --blocks: what block-rank regularisation counts beside the loss, such as 0.01',
      numberOption('--block-rank', (value) => value >= 0, 'from 0 on'),
      0,
    )
    .option(
      '--kernel <weight>',
      'with --blocks: what the distance from the tangent kernel of the dense network counts beside the loss, such as 1',
      numberOption('--kernel', (value) => value >= 0, 'from 0 on'),
      0,
    );
}

function numberOption(option: string, isRight: (value: number) => boolean, range: string) {
  return (text: string) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && isRight(value)) return value;
    throw new PinnEdgeError('PE3005', { option, reason: `must be a number ${range}, found ${text}` });
  };
}

/** @throws PE3005 for options that need `--blocks`, and for those that cannot be with it */
export function blockSettings(
  command: Command,
  options: BlockOptions & { from: object; freeze: readonly string[] },
): BlockSettings | undefined {
  const { blocks: tolerance, every, most, blockRank, kernel, from, freeze } = options;
  if (tolerance === undefined) {
    const lonely = Object.entries(OF_BLOCKS).find(([name]) => isGiven(command, name));
    if (!lonely) return undefined;
    throw new PinnEdgeError('PE3005', { option: lonely[1], reason: 'is for matrices in blocks; give --blocks, too' });
  }
  const other = Object.keys(from).length ? '--from' : freeze.length ? '--freeze' : undefined;
  if (other) {
    const reason =
      'does not go with --blocks, which makes all matrices anew; train with one of them first, then the other';
    throw new PinnEdgeError('PE3005', { option: other, reason });
  }
  return { tolerance, every, most, blockRank, kernel };
}

/** A line for every adaptation. */
export function adaptationText(adaptations: readonly Adaptation[]): string {
  const rows = [
    ['blocks at step', 'numbers', 'kernel off by', 'later'],
    ...adaptations.map(({ step, parameters, kernelDistance }) => [
      count(step),
      `${count(parameters.before)} -> ${count(parameters.after)}`,
      error(kernelDistance.after),
      error(kernelDistance.later),
    ]),
  ];
  return columns(rows);
}
