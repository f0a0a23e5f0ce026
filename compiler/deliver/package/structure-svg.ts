import type { LayerStructure } from '../../compress/result/layers.js';

/**
 * A picture of how a weight matrix is stored: one rectangle per block, its rank (or `dense`) and the width of its weights
 * written into it, shaded by how much of the dense block it keeps. What is empty is not stored.
 */
function structureSvg(layer: LayerStructure): string {
  const scale = SIDE / Math.max(layer.rows, layer.cols, 1);
  const [width, height] = [layer.cols * scale, layer.rows * scale].map((v) => Math.max(MINIMUM, round(v)));
  const [sx, sy] = [width / layer.cols, height / layer.rows];
  const blocks = layer.blocks.map(({ row, rows, col, cols, rank, bits }) => {
    const [x, y, w, h] = [col * sx, row * sy, cols * sx, rows * sy].map(round);
    const kept = rank === undefined ? 1 : (rank * (rows + cols)) / (rows * cols);
    const what = rank === undefined ? 'dense' : `rank ${rank}`;
    const title = `rows ${row} to ${row + rows - 1}, columns ${col} to ${col + cols - 1}: ${what}, ${bits} bit`;
    const fill = shade(rank === undefined ? DENSE : LOW_RANK, kept);
    return `  <g><title>${title}</title><rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${fill}"/>${label(x, y, w, h, rank, bits)}</g>`;
  });
  const { name, rows, cols, structure, bytes } = layer;
  const heading = `${escapeText(name)}: ${rows} x ${cols}, ${structure}, ${Math.round(bytes)} bytes (${4 * (rows * cols + rows)} as float32)`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} ${-MARGIN - HEADING} ${round(width + 2 * MARGIN)} ${round(height + 2 * MARGIN + HEADING)}" font-family="sans-serif" role="img" aria-label="${heading}">`,
    `  <rect x="${-MARGIN}" y="${-MARGIN - HEADING}" width="100%" height="100%" fill="white"/>`,
    `  <text x="0" y="${-MARGIN}" font-size="12">${heading}</text>`,
    `  <rect x="0" y="0" width="${width}" height="${height}" fill="#f4f4f4"/>`,
    '  <g stroke="#333" stroke-width="0.6" text-anchor="middle">',
    ...blocks,
    '  </g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Pictures of the matrices that are not dense, by file name. */
export function pictures(layers: readonly LayerStructure[]): [name: string, svg: string][] {
  return layers
    .filter(({ structure }) => structure !== 'dense')
    .map((layer) => [`${layer.name.replace(/[^A-Za-z0-9_-]/g, '_')}.svg`, structureSvg(layer)]);
}

/** Longer side of the matrix, in user units. */
const SIDE = 480;
/** Flat matrices are drawn at least this high or wide. */
const MINIMUM = 24;
const MARGIN = 8;
const HEADING = 16;
const DENSE = [196, 78, 82] as const;
const LOW_RANK = [76, 114, 176] as const;

/** From nearly white for a block of which hardly anything is kept to the full colour. */
function shade(colour: readonly number[], kept: number): string {
  const depth = 0.15 + 0.65 * Math.min(1, kept);
  return `rgb(${colour.map((c) => Math.round(255 + depth * (c - 255))).join(',')})`;
}

/** Rank (or a dot for dense) and bits, where there is room. */
function label(x: number, y: number, w: number, h: number, rank: number | undefined, bits: number): string {
  const text = `${rank ?? '•'}/${bits}`;
  const size = Math.min(14, h * 0.6, (w / text.length) * 1.5);
  if (size < 3) return '';
  return `<text x="${round(x + w / 2)}" y="${round(y + h / 2 + size / 3)}" font-size="${round(size)}" stroke="none">${text}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
