import { lanesShape, passRowBytes, rowWords, wordBytes } from '../table/lanes.js';
import { recordShape } from '../table/record.js';
import { FLAG, FORMAT, LANE_BITS, LANE_START } from '../table/specification.js';
import type { TableRecord } from '../table/table.js';

/**
 * The AssemblyScript source of the kernel of a LANES record:
 *
 *     y[i] = sat((sum_j W[i][j] x[j] + bias[i] + half) >> shift[i])
 *
 * One multiply carries two products: (w0 + w1 2^32) (x1 + x0 2^32) = w0 x1 + (w0 x0 + w1 x1) 2^32 mod 2^64. The upper
 * lane sums the row, the lower one is left over: its borrow is undone by the 2^31 that the sum starts with, and the
 * shift drops it. Three products lie 21 bits apart in the same way. The compiler proves that no lane overflows between
 * splits (layout/interpreter.ts). The inputs stay in locals while the rows are streamed, every word at a constant offset; a
 * matrix of one row has no use for that, and is a loop over its words.
 */
export function lanesSource(name: string, record: TableRecord): string {
  const { lanes, passWords, splitWords, hopWords } = lanesShape(record);
  const { passes } = rowWords(record);
  const shape = recordShape(record);
  const wide = (record.format & FORMAT.ACC_WIDE) !== 0;
  const wraps = (record.flags & FLAG.WRAP) !== 0;
  const rowShifts = (record.flags & FLAG.ROW_SHIFTS) !== 0;
  const bytes = wordBytes(record);
  const weightType = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' }[bytes];
  const xType = shape.aBytes === 4 ? 'i32' : 'i16';
  const yType = shape.outBytes === 4 ? 'i32' : 'i16';
  const start = LANE_START[lanes];
  // Above the sum of three products lies one bit of the lane beyond it: shifted out first.
  const spare = 64 - start - LANE_BITS[lanes];
  const split = (acc: string, shift: string) => (spare > 0 ? `(${acc} << ${spare}) >> ${shift}` : `${acc} >> ${shift}`);
  const inLane = wide ? 0 : start + Math.max(0, spare);

  const load = (type: string, at: number) => `(load<${type}>(x, ${at * shape.aBytes}) as i64)`;
  const packed = (word: number) =>
    Array.from({ length: lanes }, (_, k) => {
      const element = load(xType, word * lanes + k);
      const left = (lanes - 1 - k) * (lanes > 1 ? LANE_BITS[lanes] : 0);
      return left ? `(${element} << ${left})` : element;
    }).join(' + ');
  const product = (word: number, x: string) =>
    `(load<${weightType}>(w, ${8 + word * bytes})${bytes === 8 ? '' : ' as i64'}) * ${x}`;

  // Splits move a lane's sum to the total.
  const add = (word: number, x: string) => {
    const fresh = lanes > 1 && wide && word % splitWords === 0;
    const splits = lanes > 1 && wide && (word % splitWords === splitWords - 1 || word === passWords - 1);
    return [
      fresh ? `acc = REPAIR + ${product(word, x)};` : `acc += ${product(word, x)};`,
      ...(splits ? [`total += ${split('acc', String(start + Math.max(0, spare)))};`] : []),
    ];
  };
  // The row in pieces: hops return to the head of the loop.
  const hop = hopWords || passWords;
  const pieces: string[][] = [];
  for (let from = 0; from < passWords; from += hop) {
    const count = Math.min(hop, passWords - from);
    pieces.push(Array.from({ length: count }, (_, i) => add(from + i, `x${from + i}`)).flat());
  }
  const sum = lanes > 1 && wide ? 'total' : 'acc';
  const begin = [
    `${sum} = load<i64>(w)${passes > 1 ? ' + (pass ? load<i64>(partial) : 0)' : ''};`,
    ...(rowShifts ? [`shift = (load<u8>(rowShift++) as i64)${inLane ? ` + ${inLane}` : ''};`] : []),
  ];
  const value = lanes > 1 && !wide ? split('acc', 'shift') : `${sum} >> shift`;
  const stored = wraps ? `(${value}) as ${yType}` : `saturate<${yType}, i64>(${value})`;
  const fused = (record.flags & FLAG.FUSED) !== 0;
  const result = fused ? [`const sum = (${value}) as i32;`, ...throughTable()] : [`store<${yType}>(y, ${stored});`];
  const finish = [...result, ...unlessSingle(passes === 1 && !hopWords, `y += ${fused ? 2 : shape.outBytes};`)];
  const keep = [`store<i64>(partial, ${sum});`];
  const end =
    passes > 1
      ? [`if (pass + 1 < ${passes}) {`, ...keep.map(indent), '} else {', ...finish.map(indent), '}', 'partial += 8;']
      : finish;
  const next = `w += ${passRowBytes(record)};`;

  const round = passes > 1 ? 0 : wordsPerRound(passWords, hop, lanes > 1 && wide ? splitWords : 1);
  const roundBytes = { x: round * lanes * shape.aBytes, w: round * bytes };
  const products = Array.from({ length: round }, (_, word) => add(word, `(${packed(word)})`)).flat();
  const advance = [`x += ${roundBytes.x};`, `w += ${roundBytes.w};`];
  const only = [
    'if (single) {',
    ...[
      ...begin,
      `const xEnd = elements + ${record.cols * shape.aBytes};`,
      ...['do {', ...[...products, ...advance].map(indent), '} while (x < xEnd);'],
      ...[...result, 'return;'],
    ].map(indent),
    '}',
  ];

  const fill = Array.from({ length: passWords }, (_, word) => `x${word} = ${packed(word)};`);
  const declare = Array.from({ length: passWords }, (_, word) => `let x${word}: i64 = 0;`);
  const straight = pieces.length === 1 && !hopWords;
  const loop = straight
    ? [...fill, 'do {', ...[...begin, ...pieces[0], ...end, next].map(indent), '} while (w < wEnd);']
    : hoppingLoop(fill, begin, pieces, [...end, next], hop);
  const body = [
    'let x = elements;',
    'let y = results;',
    'let w = weights;',
    `let wEnd = w + rows * ${passRowBytes(record)};`,
    ...(fused ? ['const last = (segments << segmentBits) - 1;'] : []),
    `let shift: i64 = (rightShift as i64)${inLane ? ` + ${inLane}` : ''};`,
    `let acc: i64 = 0;`,
    ...(lanes > 1 && wide ? [`let total: i64 = 0;`] : []),
    ...(rowShifts && passes === 1 ? ['let rowShift = rowShifts;'] : []),
    ...(round ? only : []),
    ...declare,
    ...(passes > 1
      ? [
          `for (let pass = 0; pass < ${passes}; pass++) {`,
          indent('let partial = carry;'),
          ...(rowShifts ? [indent('let rowShift = rowShifts;')] : []),
          ...loop.map(indent),
          indent(`wEnd += rows * ${passRowBytes(record)};`),
          indent(`x += ${passWords * lanes * shape.aBytes};`),
          '}',
        ]
      : loop),
  ];
  const repair = lanes > 1 && wide ? `const REPAIR: i64 = 1 << ${start - 1};\n` : '';
  const parameters = [...PARAMETERS, ...(fused ? TABLE_PARAMETERS : [])].join(', ');
  return `${INLINE}function ${name}(${parameters}): void {\n${[repair.trim(), ...body].filter(Boolean).map(indent).join('\n')}\n}\n`;
}

const INLINE = '// @ts-ignore: decorator\n@inline\n';

/** In the order of the arguments (kernels.ts); `single` is a literal: there is one row. */
const PARAMETERS = [
  ...['single: bool', 'rows: u32', 'rightShift: u32', 'elements: usize', 'weights: usize', 'rowShifts: usize'],
  ...['carry: usize', 'results: usize'],
];

/** Of the MAP_SLOPES record that follows. */
const TABLE_PARAMETERS = ['segmentBits: u32', 'down: i32', 'origin: i32', 'segments: u32', 'table: usize'];

/** Words that a round over the only row of a matrix multiplies: fewer cost instructions, more cost code. */
const LEAST_PER_ROUND = 12;
const MOST_PER_ROUND = 16;

/** Words per round of a loop over a row of so many, with all splits of lanes in one place; 0 where there is no such. */
function wordsPerRound(words: number, hop: number, splitWords: number): number {
  for (let round = Math.min(MOST_PER_ROUND, hop); round >= LEAST_PER_ROUND; round--) {
    if (round < words && words % round === 0 && round % splitWords === 0) return round;
  }
  return 0;
}

/** Where one round of the loop is one row, it ends before anything goes on to the next when there is but one. */
function unlessSingle(isRow: boolean, next: string): string[] {
  return isRow ? ['if (single) break;', next] : [next];
}

/** What runtime/kernels/slopes.ts does with an element. */
function throughTable(): string[] {
  return [
    'let u = (sum - origin) as u32;',
    'if (u > last) u = sum < origin ? 0 : last;',
    'const segment = table + (((u >> segmentBits) as usize) << 3);',
    'store<i16>(y, (load<i32>(segment, 4) * (u as i32) + load<i32>(segment)) >> down);',
  ];
}

function indent(line: string): string {
  return `  ${line}`;
}

/**
 * The same loop for chips without tail calls, where every operation nests a native call until the loop goes round: it
 * does so after every few words, also while it fills the locals.
 */
function hoppingLoop(
  fill: readonly string[],
  begin: readonly string[],
  pieces: readonly string[][],
  end: readonly string[],
  hop: number,
): string[] {
  const fills: string[][] = [];
  // Filling takes more operations per word than multiplying.
  const perFill = Math.max(1, Math.floor(hop / 2));
  for (let from = 0; from < fill.length; from += perFill) fills.push(fill.slice(from, from + perFill));
  const stages = [...fills, ...pieces];
  const firstPiece = fills.length;
  const lines = ['let stage = 0;', 'do {', '  switch (stage) {'];
  stages.forEach((stage, i) => {
    const isLast = i === stages.length - 1;
    const code = [
      ...(i === firstPiece ? begin : []),
      ...stage,
      ...(isLast ? [...end, `stage = ${firstPiece};`] : [`stage = ${i + 1};`]),
    ];
    lines.push(
      `    ${isLast ? 'default' : `case ${i}`}: {`,
      ...code.map((line) => `      ${line}`),
      '      break;',
      '    }',
    );
  });
  return [...lines, '  }', '} while (w < wEnd);'];
}
