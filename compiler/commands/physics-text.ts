import type { PhysicsResult, PhysicsRow, ResidualRow, Size } from '../run/physics.js';
import { columns, error } from './output.js';

/** What `verify --physics` prints: networks and module side by side, the largest value and the root of the mean square. */

export function physicsLines({ residuals, conditions, exact, data }: PhysicsResult): string[] {
  const remark = ({ largestTerm, moduleError }: ResidualRow) => {
    const apart =
      moduleError === undefined || largestTerm === 0
        ? ''
        : `; the module's is off by ${error(moduleError / largestTerm)} of it`;
    return `largest term ${error(largestTerm)}${apart}`;
  };
  const tables = [
    table('residual', residuals, remark),
    table('condition', conditions, remark),
    table('against the exact solution', exact, () => ''),
    table('against data', data, () => ''),
  ];
  return tables.filter((lines) => lines.length).flatMap((lines, k) => (k ? ['', ...lines] : lines));
}

function table<Row extends PhysicsRow>(title: string, rows: readonly Row[], remark: (row: Row) => string): string[] {
  if (!rows.length) return [];
  const head = [title, 'float network', 'compressed', 'module', ''];
  const body = rows.map((row) => [row.name, size(row.network), size(row.compressed), size(row.module), remark(row)]);
  const lines = columns([head, ...body])
    .trimEnd()
    .split('\n');
  const missing = new Set(rows.flatMap((row) => row.missing ?? []));
  if (missing.size) {
    const names = [...missing].map((name) => `"${name}"`).join(', ');
    lines.push(`  the module does not send ${names}: build with --residuals, or --derive, to measure it there`);
  }
  return lines;
}

function size(value: Size | undefined): string {
  return value ? `${error(value.largest)} (L2 ${error(value.l2)})` : '-';
}
