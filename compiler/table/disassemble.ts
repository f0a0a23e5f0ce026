import { lanesShape } from './lanes.js';
import { hasStarts, isMap, KIND_NAMES, recordShape } from './record.js';
import { FLAG, KIND } from './specification.js';
import { readAxes } from './spline.js';
import type { BlockTable, TableRecord } from './table.js';

/** The block table as text: one line per record, addresses in bytes. Golden tests compare this form. */
export function disassemble(table: BlockTable, names: readonly string[] = []): string {
  const lines = [
    `arena ${table.arenaBytes} bytes, pool ${table.pool.length} bytes, ${table.records.length} records`,
    ...table.inputs.map((i, k) => `input  ${k}: ${i.min} .. ${i.max}, 2^-${i.exponent}`),
    ...table.outputs.map((o, k) => `output ${k}: 2^-${o.exponent}`),
    ...table.records.map(
      (record, i) => `${String(i).padStart(4)}  ${recordText(record, table.pool)}${names[i] ? `  ; ${names[i]}` : ''}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const VALUE = { 2: 'i16', 4: 'i32', 8: 'i64' } as const;
const WEIGHT = { 1: 'i8', 2: 'i16', 4: 'i32' } as const;

function recordText(record: TableRecord, pool: Uint8Array): string {
  const shape = recordShape(record);
  const name = (KIND_NAMES[record.kind] ?? `kind${record.kind}`).toLowerCase().padEnd(14);
  const out = `${VALUE[shape.outBytes]}[${record.rows}]@${2 * record.out}`;
  const a = `${VALUE[shape.aBytes]}[${shape.aCount}]@${2 * record.a}`;
  const shift = record.flags & FLAG.ROW_SHIFTS ? `>> rows@${record.rowShifts}` : `>> ${record.shift}`;
  const wraps = record.flags & FLAG.WRAP ? ' wrap' : '';
  if (isMap(record)) return `${name} ${out} = table(${a}) ${mapText(record)}`;
  switch (record.kind) {
    case KIND.DENSE:
    case KIND.DENSE_DUAL:
    case KIND.DENSE_STARTS:
    case KIND.SCALE: {
      const weight = `${WEIGHT[shape.weightBytes]}@${record.weights}`;
      const bias = hasStarts(record) ? `start@${record.bias}` : `bias@${record.bias} guard ${record.shiftA}`;
      return `${name} ${out} = (${weight} ${a} + ${bias}) ${shift} acc${shape.accBits}${wraps}`;
    }
    case KIND.BLOCK: {
      const { flags } = record;
      const products = `${WEIGHT[shape.weightBytes]}@${record.weights} ${a}`;
      const left = flags & FLAG.ROW_SHIFTS ? `rows@${record.rowShifts}` : record.shiftB;
      const accumulators = `acc${shape.accBits}@${2 * record.b}`;
      const carried = flags & FLAG.FIRST ? `bias@${record.bias} guard ${record.shiftA}` : accumulators;
      const sum = `(${products} << ${left}) + ${carried}`;
      if (flags & FLAG.LAST) return `${name} ${out} = (${sum}) >> ${record.shift} acc${shape.accBits}${wraps}`;
      return `${name} ${accumulators}[${record.rows}] = ${sum} for ${out} >> ${record.shift}`;
    }
    case KIND.LANES: {
      const { lanes, passWords, splitWords, hopWords } = lanesShape(record);
      const weight = lanes === 1 ? `${WEIGHT[shape.weightBytes]}@${record.weights}` : `lanes${lanes}@${record.weights}`;
      const split = lanes > 1 ? ` split ${splitWords}` : '';
      const way = `pass ${passWords}${split}${hopWords ? ` hop ${hopWords}` : ''}`;
      return `${name} ${out} = (${weight} ${a}) ${shift} acc${shape.accBits} ${way}${wraps}`;
    }
    case KIND.SPLINE: {
      const axes = readAxes(record, pool).map(({ origin, factor, segments, shift: bits, order }) => {
        return `${segments} from ${origin} * ${factor} >> ${bits}${order ? ` order ${order}` : ''}`;
      });
      const coefficients = `${WEIGHT[shape.weightBytes]}@${record.weights}`;
      const sums = axes.length > 1 ? ` inner >> ${record.shiftB}` : '';
      return `${name} ${out} = (${coefficients} degree ${record.shiftA} at ${a}) ${shift}${sums} axes [${axes.join(', ')}]`;
    }
    case KIND.COPY:
      return `${name} ${out} = (${a} << ${record.shiftA}) ${shift}`;
    default: {
      const b = `${VALUE[shape.bBytes]}[${shape.bCount}]@${2 * record.b}`;
      const sign = record.flags & FLAG.SUBTRACT ? '-' : '+';
      if (record.kind === KIND.MUL) {
        const one = record.flags & FLAG.SUBTRACT ? `2^${record.shiftA + record.shiftB} - ` : '';
        return `${name} ${out} = (${one}${a} * ${b}) ${shift}`;
      }
      const [left, right] = [`${a} << ${record.shiftA}`, `${b} << ${record.shiftB}`];
      if (record.kind === KIND.MIN || record.kind === KIND.MAX) return `${name} ${out} = (${left}, ${right}) ${shift}`;
      if (record.kind === KIND.SELECT) {
        const condition = `${VALUE[shape.conditionBytes]}[${shape.conditionCount}]@${2 * record.cols}`;
        return `${name} ${out} = (${condition} > 0 ? ${left} : ${right}) ${shift}`;
      }
      return `${name} ${out} = ((${left}) ${sign} (${right})) ${shift}`;
    }
  }
}

function mapText(record: TableRecord): string {
  if (record.kind === KIND.MAP_SLOPES) {
    return `slopes, ${record.cols} segments of 2^${record.shift} from ${record.origin} @${record.weights} >> ${record.shiftB}`;
  }
  const linear = record.kind === KIND.MAP_LINEAR;
  const degree = linear ? 1 : record.bias;
  const layout =
    record.flags & FLAG.PERIODIC
      ? `periodic << ${record.shiftA}`
      : record.flags & FLAG.OCTAVES
        ? `octaves of 2^${record.rowShifts}${record.flags & FLAG.MIRRORED ? ' mirrored' : ''}`
        : 'uniform';
  const result = linear ? '' : ` >> ${record.shiftB}`;
  return `${layout} degree ${degree}, ${record.cols} segments of 2^${record.shift} from ${record.origin} @${record.weights}${result}`;
}
