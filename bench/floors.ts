import { YARDSTICK } from './product.js';
import type { Row } from './rows.js';
import { count, markdown } from './tables.js';

/** What the yardstick network must reach on the emulated boards; a floor without its rows is left open. */

interface Floor {
  what: string;
  limit: number;
  /** Whether the figure must be at least the limit instead of at most. */
  isLeast?: boolean;
  figure(find: Find): number | undefined;
}

type Find = (engine: string, board: string, compressed: boolean, tolerance: number | null) => Row | undefined;

const M3 = 'cortex-m3';
const M4 = 'cortex-m4';

function ratio(a: number | null | undefined, b: number | null | undefined): number | undefined {
  return typeof a === 'number' && typeof b === 'number' ? a / b : undefined;
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  return values.includes(undefined) ? undefined : Math.max(...(values as number[]));
}

const FLOORS: readonly Floor[] = [
  {
    what: '`c`, Cortex-M4F, tolerance 3e-4: instructions',
    limit: 26_000,
    figure: (find) => find('c', M4, false, 3e-4)?.instructions ?? undefined,
  },
  {
    what: '`c`, Cortex-M4F, compressed, tolerance 1e-3: instructions',
    limit: 3_000,
    figure: (find) => find('c', M4, true, 1e-3)?.instructions ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, tolerance 1e-3: instructions',
    limit: 340_000,
    figure: (find) => find('wasm3', M4, false, 1e-3)?.instructions ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, compressed, tolerance 1e-3: instructions',
    limit: 25_000,
    figure: (find) => find('wasm3', M4, true, 1e-3)?.instructions ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M3, compressed, tolerance 1e-3: times fewer instructions than native float32 there',
    limit: 40,
    isLeast: true,
    figure: (find) =>
      ratio(find('float32 C', M3, false, null)?.instructions, find('wasm3', M3, true, 1e-3)?.instructions),
  },
  {
    what: '`wasm3+native`, Cortex-M4F: instructions, as a multiple of `c` (the worst build)',
    limit: 1.3,
    figure: (find) =>
      worst(
        (
          [
            [false, 3e-4],
            [false, 1e-3],
            [true, 1e-3],
          ] as const
        ).map(([compressed, tolerance]) =>
          ratio(
            find('wasm3+native', M4, compressed, tolerance)?.instructions,
            find('c', M4, compressed, tolerance)?.instructions,
          ),
        ),
      ),
  },
  {
    what: 'weights and tables in flash, compressed, tolerance 1e-3: bytes',
    limit: 1_500,
    figure: (find) => find('wasm3', M4, true, 1e-3)?.modelBytes ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, compressed: instructions from power-on to the first answer',
    limit: 400_000,
    figure: (find) => find('wasm3', M4, true, 1e-3)?.start ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, not compressed: the same',
    limit: 400_000,
    figure: (find) => find('wasm3', M4, false, 1e-3)?.start ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, compressed: bytes of RAM altogether',
    limit: 24_000,
    figure: (find) => find('wasm3', M4, true, 1e-3)?.ram ?? undefined,
  },
  {
    what: '`wasm3`, Cortex-M4F, not compressed: the same',
    limit: 24_000,
    figure: (find) => find('wasm3', M4, false, 1e-3)?.ram ?? undefined,
  },
];

export function floorTable(rows: readonly Row[]): string {
  const find: Find = (engine, board, compressed, tolerance) =>
    rows.find(
      (row) =>
        row.example === YARDSTICK &&
        row.engine === engine &&
        row.board === board &&
        row.compressed === compressed &&
        row.tolerance === tolerance,
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
