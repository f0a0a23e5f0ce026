import { join } from 'node:path';
import type { Command } from 'commander';
import type { CompressedModel } from '../compress/compress.js';
import type { CompressOptions } from '../compress/compress-options.js';
import type { TreeShape } from '../compress/matrices/block-tree.js';
import type { CompressedLayer } from '../compress/result/layers.js';
import { pictures } from '../deliver/package/structure-svg.js';
import { PinnEdgeError } from '../diagnostics.js';
import { writeFileWhole } from '../host/write-file.js';
import { choiceOption, countOption } from './options.js';
import { columns, count, error as errorText } from './output.js';

/** The options of `compress` that concern structured weights, and what it says and draws of them. */
export interface StructureOptions {
  tree: TreeShape;
  leafSize: number;
  refine: boolean;
  blockRank?: number;
  svg?: string;
}

const TREES = ['adaptive', 'hodlr', 'dense'] as const;

export function withStructureOptions(command: Command): Command {
  return command
    .option(
      '--tree <shape>',
      `hmatrix: which blocks may be divided: all (adaptive), those on the diagonal (hodlr), none (dense)`,
      choiceOption('--tree', TREES),
      'adaptive',
    )
    .option('--leaf-size <n>', 'hmatrix: smallest rows and columns of a block', countOption('--leaf-size', 2, 1024), 8)
    .option('--no-refine', 'single methods: leave the weights as the method gives them')
    .option(
      '--block-rank <lambda>',
      'hmatrix: weight of the nuclear norms of the blocks during refinement, such as 1e-3',
      blockRankOption,
    )
    .option('--svg <folder>', 'draw every structured matrix: blocks, ranks and bits');
}

function blockRankOption(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new PinnEdgeError('PE4150', { found: text });
}

export function structureSettings(options: StructureOptions): Pick<CompressOptions, 'tree' | 'refine' | 'blockRank'> {
  const { tree: shape, leafSize, refine, blockRank = 0 } = options;
  return { tree: { shape, leafSize }, refine, blockRank };
}

/** A line per layer: structure, ranks, bits, bytes, multiply-accumulates, its error, and the bound where one is stated. */
export function layersText({ layers = [] }: CompressedModel): string {
  if (!layers.length) return '';
  const rows = layers.map((layer) => [
    layer.name,
    `${layer.rows} x ${layer.cols}`,
    layer.structure,
    layer.blocks.length > 1 ? `${layer.blocks.length} blocks` : '',
    layer.ranks ? `rank ${[...new Set(layer.ranks)].join(' to ')}` : '',
    `${layer.bits.join('/')} bit`,
    `${count(layer.bytes)} B`,
    `${count(layer.macs)} of ${count(layer.denseMacs)} MACs`,
    `error ${errorText(layer.error)}`,
    `${partText(layer.share)} of the whole`,
    boundText(layer),
  ]);
  return `\nlayers, each with the error that it makes by itself\n${columns(rows)}`;
}

const partText = (share: number) => `${(100 * share).toFixed(0)} %`;

function boundText({ bound, matrixError, matrixShare }: CompressedLayer): string {
  if (bound === undefined || matrixError === undefined || matrixShare === undefined) return '';
  const norm = `matrix ${matrixError.toExponential(1)} of ${bound.toExponential(1)} allowed`;
  return `${norm}, before refinement ${partText(matrixShare)} of the tolerance`;
}

/** Writes the pictures into a folder; their paths. Without structured matrices there are none, and no folder. */
export function writePictures(folder: string, { layers = [] }: CompressedModel): string[] {
  return [...pictures(layers)].map(([name, svg]) => {
    const file = join(folder, name);
    writeFileWhole(file, svg);
    return file;
  });
}
