import { plural } from '../diagnostics.js';

/** What `--init` says about a file that is one vector of all parameters. */

const MAX_SHOWN = 4;

/** Comments of a spec: networks that have so many parameters, and how to cut the vector up for the first of them. */
export function vectorLines({ name, length }: { name: string; length: number }): string[] {
  const fits = fittingWidths(length);
  const text = [
    `  // "${name}" is one vector of ${plural(length, 'number')}: all parameters, one after the other, as ravel_pytree, nn.utils or a`,
    '  // solver writes them. Cut it in pieces in the order in which it was flattened; names such as W0, b0, W1, b1 make',
    '  // the layers. "layout": "in,out" where a weight is [in, out], as in JAX; "out,in" as in PyTorch.',
  ];
  if (!fits.length) return [...text, '  // "tensors": { "W0": { "of": "weight", "offset": 0, "shape": [2, 16] } },'];
  const pieces: string[] = [];
  let offset = 0;
  const [widths] = fits;
  widths.slice(1).forEach((rows, k) => {
    const cols = widths[k];
    pieces.push(`"W${k}": { "of": ${JSON.stringify(name)}, "offset": ${offset}, "shape": [${cols}, ${rows}] }`);
    offset += cols * rows;
    pieces.push(`"b${k}": { "of": ${JSON.stringify(name)}, "offset": ${offset}, "shape": [${rows}] }`);
    offset += rows;
  });
  return [
    ...text,
    `  // Networks with so many parameters: ${fits.map((w) => w.join('-')).join(', ')}${fits.length === MAX_SHOWN ? ', ...' : ''}. The first, as pairs (W, b):`,
    '  // "tensors": {',
    ...pieces.map((piece, i) => `  //   ${piece}${i + 1 < pieces.length ? ',' : ''}`),
    '  // },',
    '  // "network": { "activation": "tanh", "layout": "in,out", "assumed": ["activation"] },',
  ];
}

/** Networks of 1 to 8 inputs, up to 4 outputs and 1 to 8 equal hidden layers with exactly so many weights and biases. */
function fittingWidths(length: number): number[][] {
  const found: number[][] = [];
  for (const outputs of [1, 2, 3, 4]) {
    for (const inputs of [2, 3, 1, 4, 5, 6, 7, 8]) {
      for (let hidden = 1; hidden <= 8; hidden++) {
        // (inputs + 1) h + (hidden - 1) (h + 1) h + (h + 1) outputs = length
        const [a, b, c] = [hidden - 1, inputs + 1 + hidden - 1 + outputs, outputs - length];
        const h = a === 0 ? -c / b : (-b + Math.sqrt(b * b - 4 * a * c)) / (2 * a);
        const width = Math.round(h);
        if (width >= 2 && a * width * width + b * width + c === 0)
          found.push([inputs, ...new Array<number>(hidden).fill(width), outputs]);
      }
    }
  }
  // Widths that people choose first: multiples of 8, then of 5, then all others.
  const rank = ([, width]: number[]) => (width % 8 === 0 ? 0 : width % 5 === 0 ? 1 : 2);
  return found.sort((p, q) => rank(p) - rank(q)).slice(0, MAX_SHOWN);
}
