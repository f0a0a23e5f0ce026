import { STATUS } from '../table/specification.js';
import { type BlockTable, tableCrc } from '../table/table.js';
import { dispatchSource, hasCalls, NOTE, placesOf } from './dispatch.js';

/** The two generated files of a module. */
export interface GeneratedSources {
  /** Table, arena and exports. */
  entry: string;
  /** What runs the records, and the kernels that are generated for them. */
  dispatch: string;
}

/**
 * The AssemblyScript sources of one model: its block table as static data, its arena, and code for just the records of
 * that table, which must be valid. Where they lie in memory: linear-memory.ts.
 *
 * @param callsInARow records that are called before the run goes round its loop; see KernelLimits
 */
export function generateSources(
  table: BlockTable,
  bytes: Uint8Array,
  title: string,
  callsInARow = Number.POSITIVE_INFINITY,
): GeneratedSources {
  return {
    entry: entrySource(table, bytes, title, Number.isFinite(callsInARow)),
    dispatch: dispatchSource(table, placesOf(bytes), title, callsInARow),
  };
}

/** Inputs up to which each is clamped by code of its own. */
const MOST_CLAMPED_APART = 4;

/** @param isShallow operations nest on the native stack until a loop goes round: it does before the records run */
function entrySource(table: BlockTable, bytes: Uint8Array, title: string, isShallow: boolean): string {
  const { inputs, arenaBytes } = table;
  const apart = inputs.length <= MOST_CLAMPED_APART;
  const clamps = inputs.map(({ min, max }, i) => `clampInput(ARENA + ${4 * i}, ${min}, ${max})`);
  const clamp = `status = ${apart ? clamps.join(' | ') : 'clampInputs(TABLE, ARENA)'};`;
  const run = hasCalls(table) ? 'runRecords();' : 'walk(TABLE, ARENA);';
  const steps = isShallow
    ? `for (let round = 0; round < 2; round++) {\n    if (round) ${run}\n    else ${clamp}\n  }`
    : `${clamp}\n  ${run}`;
  return `// ${title}: block table and exports
// ${NOTE}
${hasCalls(table) ? "import { runRecords } from './dispatch';\n" : ''}import { check } from './runtime/check';
import { CRC_SCRATCH_BYTES } from './runtime/crc32';
import { ${apart ? 'clampInput' : 'clampInputs'} } from './runtime/inputs';${hasCalls(table) ? '' : "\nimport { walk } from './runtime/walk';"}

const TABLE_BYTES: u32 = ${bytes.length};
const ARENA_BYTES: u32 = ${arenaBytes};
/** CRC-32 of the table that this code is for. */
const IDENTITY: u32 = 0x${tableCrc(bytes).toString(16)};
const TABLE: usize = memory.data<u64>([
${words(bytes)}
]);
const ARENA: usize = memory.data(${arenaBytes}, 8);

let checked: bool = false;
let status: u32 = ${STATUS.OK};

/** Address of the input words (int32 each, in the order of the model's inputs). */
export function input(): usize {
  return ARENA;
}

/** Address of the output words (int32 each). */
export function output(): usize {
  return ARENA + ${4 * inputs.length};
}

/** CRC-32 of the block table that this module was made for. */
export function identity(): u32 {
  return IDENTITY;
}

/** Status of the last run. */
export function lastStatus(): u32 {
  return status;
}

/** Evaluates the input words: 0, 1 when an input was clamped to its range, or 16 + number of the failed check. */
export function run(): u32 {
  if (!checked) {
    const failed = check(TABLE, TABLE_BYTES, IDENTITY, ARENA + ARENA_BYTES - CRC_SCRATCH_BYTES);
    if (failed) return (status = ${STATUS.REFUSED} + failed);
    checked = true;
  }
  return evaluate();
}

/** The same without a look at the block table, for a host that has compared it with its CRC-32 and the identity. */
export function evaluate(): u32 {
  ${steps}
  return status;
}
`;
}

/** The table as 64-bit words, eight to a line; the last word is padded with zeros. */
function words(bytes: Uint8Array): string {
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const lines: string[] = [];
  for (let at = 0; at < padded.length; at += 64) {
    const line: string[] = [];
    for (let w = at; w < Math.min(at + 64, padded.length); w += 8) {
      line.push(`0x${view.getBigUint64(w, true).toString(16)}`);
    }
    lines.push(`  ${line.join(', ')},`);
  }
  return lines.join('\n');
}
