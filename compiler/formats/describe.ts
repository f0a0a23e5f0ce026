import type { QuantizedGraph } from '../table/quantized-graph.js';

/** Such as `values 16 bit, weights 16 bit (2 of 9 32 bit)`. */
export function describeFormats(quantized: QuantizedGraph): string {
  const values = [...quantized.formats].filter(([leaf]) => leaf.kind !== 'input').map(([, format]) => format.bits);
  const weights = [...quantized.affine]
    .filter(([node]) => node.kind === 'affine')
    .map(([, format]) => format.weightBits);
  for (const { leaves } of quantized.blocks.values()) weights.push(...leaves.map((leaf) => leaf.weightBits));
  for (const { weightBits } of quantized.splines.values()) weights.push(weightBits);
  return [`values ${countWidths(values)}`, ...(weights.length ? [`weights ${countWidths(weights)}`] : [])].join(', ');
}

function countWidths(widths: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const width of widths) counts.set(width, (counts.get(width) ?? 0) + 1);
  if (counts.size === 1) return `${widths[0]} bit`;
  return [...counts]
    .sort(([p], [q]) => p - q)
    .map(([width, count]) => `${count}x${width} bit`)
    .join(' ');
}

/** Such as `2 tables, 720 bytes`. */
export function describeTables(quantized: QuantizedGraph): string {
  const tables = new Set(quantized.tables.values());
  if (!tables.size) return 'none';
  const bytes = [...tables].reduce((n, t) => n + t.data.length * t.bytesPerEntry, 0);
  return `${tables.size} table${tables.size > 1 ? 's' : ''}, ${bytes} bytes`;
}
