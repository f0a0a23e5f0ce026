import { YARDSTICK } from './product.js';
import type { Row } from './rows.js';
import { count, markdown, variantText } from './tables.js';

/** What the yardstick network must reach on the emulated boards; a floor without its rows is left open. */

interface Floor {
  what: string;
  limit: number;
  /** Whether the figure must be at least the limit instead of at most. */
  isLeast?: boolean;
  figure(find: Find): number | undefined;
}

type Find = (engine: string, board: string, built: Built) => Row | undefined;
/** Tolerance; null for a rival. */
type Built = Pick<Row, 'compressed' | 'tolerance' | 'goal'>;

const M3 = 'cortex-m3';
const M4 = 'cortex-m4';

const FINE: Built = { compressed: false, tolerance: 3e-4, goal: null };
const PLAIN: Built = { compressed: false, tolerance: 1e-3, goal: null };
const COMPRESSED: Built = { compressed: true, tolerance: 1e-3, goal: null };
const RIVAL: Built = { compressed: false, tolerance: null, goal: null };
const fast = (built: Built): Built => ({ ...built, goal: 'speed' });
const small = (built: Built): Built => ({ ...built, goal: 'size' });

function ratio(a: number | null | undefined, b: number | null | undefined): number | undefined {
  return typeof a === 'number' && typeof b === 'number' ? a / b : undefined;
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  return values.includes(undefined) ? undefined : Math.max(...(values as number[]));
}

/** A floor on one column of one row. */
function atMost(
  limit: number,
  column: 'instructions' | 'modelBytes' | 'start' | 'ram',
  engine: string,
  built: Built,
): Floor {
  const what = {
    instructions: 'instructions',
    modelBytes: 'bytes of weights and tables in flash',
    start: 'instructions from power-on to the first answer',
    ram: 'bytes of RAM altogether',
  }[column];
  return {
    what: `\`${engine}\`, ${variantText(built)}, Cortex-M4F: ${what}`,
    limit,
    figure: (find) => find(engine, M4, built)?.[column] ?? undefined,
  };
}

const FLOORS: readonly Floor[] = [
  atMost(26_000, 'instructions', 'c', fast(FINE)),
  atMost(3_000, 'instructions', 'c', fast(COMPRESSED)),
  atMost(340_000, 'instructions', 'wasm3', fast(PLAIN)),
  atMost(25_000, 'instructions', 'wasm3', fast(COMPRESSED)),
  {
    what: `\`wasm3\`, ${variantText(fast(COMPRESSED))}, Cortex-M3: times fewer instructions than native float32 there`,
    limit: 40,
    isLeast: true,
    figure: (find) =>
      ratio(find('float32 C', M3, RIVAL)?.instructions, find('wasm3', M3, fast(COMPRESSED))?.instructions),
  },
  {
    what: '`wasm3+native`, Cortex-M4F: instructions, as a multiple of `c` (the worst build)',
    limit: 1.3,
    figure: (find) =>
      worst(
        [FINE, PLAIN, COMPRESSED]
          .map(fast)
          .map((built) => ratio(find('wasm3+native', M4, built)?.instructions, find('c', M4, built)?.instructions)),
      ),
  },
  atMost(1_500, 'modelBytes', 'wasm3', small(COMPRESSED)),
  atMost(1_500, 'modelBytes', 'wasm3', fast(COMPRESSED)),
  ...(['start', 'ram'] as const).flatMap((column) =>
    [small(COMPRESSED), fast(COMPRESSED), small(PLAIN), fast(PLAIN)].map((built) =>
      atMost(column === 'start' ? 400_000 : 24_000, column, 'wasm3', built),
    ),
  ),
];

export function floorTable(rows: readonly Row[]): string {
  const find: Find = (engine, board, built) =>
    rows.find(
      (row) =>
        row.example === YARDSTICK &&
        row.engine === engine &&
        row.board === board &&
        variantText(row) === variantText(built),
    );
  const body = FLOORS.map(({ what, limit, isLeast, figure }) => {
    const value = figure(find);
    if (value === undefined) return [what, limitText(limit, isLeast), 'not measured', ''];
    const isMet = isLeast ? value >= limit : value <= limit;
    return [what, limitText(limit, isLeast), limit < 100 ? value.toFixed(2) : count(value), isMet ? 'pass' : 'fail'];
  });
  return markdown(['floor', 'limit', 'measured', ''], body);
}

function limitText(limit: number, isLeast = false): string {
  return `${isLeast ? 'at least' : 'at most'} ${limit < 100 ? limit : count(limit)}`;
}
