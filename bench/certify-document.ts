import type { Altered } from './certify-attack.js';
import type { Tried } from './certify-soundness.js';

/** docs/benchmarks-certify.md. */

/** One build and its certificate; errors are relative to the largest reference, of the output whose ratio is largest. */
export interface CertifyRow {
  model: string;
  compress: 'auto' | 'none';
  engine: 'wasm3' | 'wasm3+native' | 'c';
  /** Built with --certify. */
  certified: boolean;
  tolerance: number;
  bits?: string;
  observed?: number;
  proved?: number;
  /** Of all outputs. */
  largestProved?: number;
  shares?: Record<string, number>;
  boxes?: number;
  /** Of processor time, all threads; not measured apart for builds with --certify. */
  seconds?: number;
  /** Random points that were tried. */
  points?: number;
  bytes?: number;
  instructions?: number;
  /** Outputs for which a point above the bound was found. */
  above?: number;
  /** What was tried against the certificate. */
  tried?: Tried;
  /** Tables with one bit altered. */
  altered?: Altered;
  refused?: string;
}

export function certifyDocument(rows: readonly CertifyRow[]): string {
  const plain = rows.filter(({ certified }) => !certified);
  const certified = rows.filter((row) => row.certified);
  return `# Benchmarks of certificates

Written by \`npm run bench:certify -- --write\`. What is proved and how: [certify.md](certify.md).

Builds are for the ESP32. \`observed\` is the largest error that verify's search and random points find, \`proved\` the bound
that holds at every point of the input box; both relative to the largest reference, of the output whose ratio is largest.
\`values\` says how many of the stored values have 16 bits. Seconds are of processor time, of two cores. No point was found
above its bound in any row${rows.some(({ above }) => above) ? ', **but for those marked**' : ''}. Rows that are not here have not been measured.
Models that are no examples are those of a folder (\`--models\`): bump2d,
hat2d, corner10, prodgate10 and face4 (of the inputs that their names say) are networks made to break the tolerance beside
the points that builds look at.

${summary(plain)}

## Builds at 1e-3

${table(plain, ['tolerance proved'])}

## Attacks

Errors that are searched for, in percent of the proved bound, by output the largest: at random points, where verify's
search ends, and at the points of a dense grid and of an evolution from the worst of them, as the accuracy bench does it
(\`--attack 10000000\`). \`above\` are evaluations with an error above the bound. Altered certificates have a bound lowered
by 1 %, a box missing, one box more, one box in place of all around the worst, one box for all, another model, table or
input box; the checker should refuse each of them, and takes the certificate itself.

${triedTable(rows)}

## Tables with one bit altered

For each build above, what is proved of its table with one bit behind the header inverted and the CRC repaired, and the
points of ${ALTERED_POINTS} that are above that (\`--altered 200\`). Those refused have sums that may leave their accumulators, fields
that contradict each other, or no bound.

${alteredTable(plain)}

## build --certify

Formats are made finer until the tolerance itself is proved; the price is beside the build that is only measured.

${certifiedTable(certified, plain)}
`;
}

/** How many rows are within the ratios that are aimed at, and how many proofs took no longer than they should. */
function summary(rows: readonly CertifyRow[]): string {
  const proved = rows.filter((row) => row.proved !== undefined);
  const of = (some: readonly CertifyRow[], most: number) =>
    `${some.filter((row) => row.proved! / row.observed! <= most).length} of ${some.length}`;
  const wide = proved.filter(({ bits }) => bits === '32');
  const narrow = proved.filter(({ bits }) => bits !== '32');
  const quick = proved.filter(({ seconds = 0 }) => seconds <= LONGEST).length;
  const whole = wide.length
    ? `At most 1.5 times the observed error is proved of ${of(wide, 1.5)} builds whose values all have 32 bits, at most 3
times of ${of(narrow, 3)} others;`
    : `At most 3 times the observed error is proved of ${of(narrow, 3)} builds; none of them has values of 32 bits alone.`;
  return `${whole}
${quick} of ${proved.length} proofs took at most 60 s on two cores. Where many values of 16 bits are rounded and many tables add up, as in
uncompressed networks, the proof counts on all of them being off in the worst way at one point, which no search finds:
ratios grow with their number.`;
}

/** Seconds of processor time: 60 s on two cores. */
const LONGEST = 120;

/** Points that each altered table is tried at. */
export const ALTERED_POINTS = 2000;

const number = (value: number | undefined) => (value === undefined ? '' : value.toExponential(2));

function table(rows: readonly CertifyRow[], extra: string[]): string {
  const head = [
    'model',
    'network',
    'engine',
    'values',
    'observed',
    'proved',
    'ratio',
    'boxes',
    'seconds',
    ...extra,
    'most of it',
  ];
  const body = rows.map((row) =>
    row.proved === undefined
      ? [row.model, networkOf(row), row.engine, row.bits ?? '', '', '', '', '', '', '', row.refused ?? '']
      : [
          row.model,
          networkOf(row),
          row.engine,
          row.bits!,
          number(row.observed),
          `${number(row.proved)}${row.above ? ' **exceeded**' : ''}`,
          (row.proved / row.observed!).toFixed(2),
          String(row.boxes),
          row.seconds?.toFixed(1) ?? '',
          row.largestProved! <= row.tolerance ? 'yes' : 'no',
          mostOf(row),
        ],
  );
  return markdown(head, body);
}

function triedTable(rows: readonly CertifyRow[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const body = rows.flatMap((row) => {
    if (!row.tried) return [];
    const { random, searched, share, above, refused, taken } = row.tried;
    const found = [share.random, share.verify, share.searched].map(percent);
    const altered = `${refused.length} of ${refused.length + taken.length}${taken.length ? `; not ${taken.join(', ')}` : ''}`;
    const counts = [random, searched].map((n) => n.toLocaleString('en-US'));
    return [
      [
        row.model,
        networkOf(row),
        row.engine,
        counts[0],
        found[0],
        found[1],
        counts[1],
        found[2],
        String(above),
        altered,
      ],
    ];
  });
  if (!body.length) return 'Not run on these builds.';
  const head = ['model', 'network', 'engine', 'random points', 'largest', 'by verify', 'grid and evolution', 'largest'];
  return markdown([...head, 'above', 'altered certificates refused'], body);
}

function alteredTable(rows: readonly CertifyRow[]): string {
  const body = rows.flatMap((row) => {
    if (!row.altered) return [];
    const { proved, refused, above } = row.altered;
    const count = Object.values(refused).reduce((a, b) => a + b, 0);
    return [[row.model, networkOf(row), row.engine, ...[proved, count, above.length].map(String)]];
  });
  if (!body.length) return 'Not run on these builds.';
  return markdown(['model', 'network', 'engine', 'proved', 'refused', 'tables with a point above'], body);
}

const networkOf = ({ compress, certified, tolerance }: CertifyRow) =>
  certified ? `certified, ${tolerance}` : compress === 'auto' ? 'compressed' : 'whole';

const NAMES: Record<string, string> = {
  network: 'weights and compression',
  rounding: 'rounding of values',
  tables: 'tables',
  method: 'the proof',
  saturation: 'saturation',
  choice: 'conditions',
  inputs: 'inputs',
};

/** The two largest shares. */
function mostOf({ shares = {} }: CertifyRow): string {
  const total = Object.values(shares).reduce((a, b) => a + b, 0);
  return Object.entries(shares)
    .sort(([, p], [, q]) => q - p)
    .slice(0, 2)
    .map(([name, share]) => `${NAMES[name]} ${Math.round((100 * share) / total)} %`)
    .join(', ');
}

function certifiedTable(rows: readonly CertifyRow[], plain: readonly CertifyRow[]): string {
  const head = [
    'model',
    'engine',
    'tolerance',
    'proved',
    'values',
    'boxes',
    'bytes',
    'instructions',
    'measured only: bytes',
    'instructions',
  ];
  const body = rows.map((row) => {
    const other = plain.find((p) => p.model === row.model && p.engine === row.engine && p.compress === 'auto');
    const isSame = other && row.tolerance === other.tolerance;
    const result =
      row.proved === undefined
        ? [row.refused ?? 'no', '', '', '', '']
        : [number(row.largestProved), row.bits!, String(row.boxes), String(row.bytes), String(row.instructions ?? '')];
    return [
      row.model,
      row.engine,
      String(row.tolerance),
      ...result,
      isSame ? String(other.bytes ?? '') : '',
      isSame ? String(other.instructions ?? '') : '',
    ];
  });
  return markdown(head, body);
}

function markdown(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}
