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
 * @param parts of a model in two parts, one of which runs once for many points
 */
export function generateSources(
  table: BlockTable,
  bytes: Uint8Array,
  title: string,
  callsInARow = Number.POSITIVE_INFINITY,
  parts?: Parts,
): GeneratedSources {
  return {
    entry: entrySource(table, bytes, title, Number.isFinite(callsInARow), parts),
    dispatch: dispatchSource(table, placesOf(bytes), title, callsInARow, parts?.onceRecords),
  };
}

/** The two parts of a model (compiler/table/lower/parts.ts). */
export interface Parts {
  /** The first records, which run once for many points. */
  onceRecords: number;
  /** Per input, whether it is given once. */
  once: readonly boolean[];
}

/** What the word behind the outputs of a model in two parts says: which of them the next run runs. */
export const PART = { BOTH: 0, ONCE: 1, EACH: 2 } as const;

/** Inputs up to which each is clamped by code of its own. */
const MOST_CLAMPED_APART = 4;

/** @param isShallow operations nest on the native stack until a loop goes round: it does before the records run */
function entrySource(table: BlockTable, bytes: Uint8Array, title: string, isShallow: boolean, parts?: Parts): string {
  const { inputs, outputs, arenaBytes } = table;
  const { clamp, clamped } = clampsOf(table, parts);
  const runs = runsOf(table, parts);
  const steps = inSteps([clamp, ...runs.map(({ call }) => call)], isShallow);
  const walked = [...new Set(runs.map(({ name }) => name))].sort().join(', ');
  const part = `
/** Which part the next run runs: ${PART.BOTH} both, ${PART.ONCE} what is the same for many points, ${PART.EACH} the rest. */
const PART: usize = ARENA + ${4 * (inputs.length + outputs.length)};
`;
  return `// ${title}: block table and exports
// ${NOTE}
${hasCalls(table) ? `import { ${walked} } from './dispatch';\n` : ''}import { check } from './runtime/check';
import { CRC_SCRATCH_BYTES } from './runtime/crc32';
import { ${clamped.join(', ')} } from './runtime/inputs';${hasCalls(table) ? '' : `\nimport { ${walked} } from './runtime/walk';`}

const TABLE_BYTES: u32 = ${bytes.length};
const ARENA_BYTES: u32 = ${arenaBytes};
/** CRC-32 of the table that this code is for. */
const IDENTITY: u32 = 0x${tableCrc(bytes).toString(16)};
const TABLE: usize = memory.data<u64>([
${words(bytes)}
]);
const ARENA: usize = memory.data(${arenaBytes}, 8);
${parts ? part : ''}
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
${parts ? '  const part = load<u32>(PART);\n' : ''}  ${steps}
  return status;
}
`;
}

/** What holds the inputs to their ranges, and the runtime's functions for it. */
function clampsOf({ inputs }: BlockTable, parts?: Parts): { clamp: string; clamped: string[] } {
  const one = (i: number) => `clampInput(ARENA + ${4 * i}, ${inputs[i].min}, ${inputs[i].max})`;
  const all = inputs.map((_, i) => i);
  const apart = (of: readonly number[]) => of.length <= MOST_CLAMPED_APART;
  const some = (of: readonly number[]) => (apart(of) ? of.map(one).join(' | ') : 'clampInputs(TABLE, ARENA)');
  const each = all.filter((i) => parts && !parts.once[i]);
  // Inputs that were held before stay where they are, so that holding all of them again is right, if longer.
  if (!parts || apart(each) === apart(all)) {
    return { clamp: `status = ${some(all)};`, clamped: [apart(all) ? 'clampInput' : 'clampInputs'] };
  }
  const clamp = `status = part == ${PART.EACH} ? ${some(each)} : ${some(all)};`;
  return { clamp, clamped: ['clampInput', 'clampInputs'] };
}

/** The calls that run the records, and the function of each. */
function runsOf(table: BlockTable, parts?: Parts): { call: string; name: string }[] {
  const calls = hasCalls(table);
  if (!parts)
    return [calls ? { call: 'runRecords();', name: 'runRecords' } : { call: 'walk(TABLE, ARENA);', name: 'walk' }];
  const { onceRecords } = parts;
  const walk = (from: number, end: number) => `walkPart(TABLE, ARENA, ${from}, ${end});`;
  const once = calls ? 'runOnce();' : walk(0, onceRecords);
  const each = calls ? 'runEach();' : walk(onceRecords, table.records.length);
  return [
    { call: `if (part != ${PART.EACH}) ${once}`, name: calls ? 'runOnce' : 'walkPart' },
    { call: `if (part != ${PART.ONCE}) ${each}`, name: calls ? 'runEach' : 'walkPart' },
  ];
}

/** Statements one after the other or, where operations nest until a loop goes round, one in every round of a loop. */
function inSteps(statements: readonly string[], isShallow: boolean): string {
  if (!isShallow) return statements.join('\n  ');
  if (statements.length === 2) {
    return `for (let round = 0; round < 2; round++) {\n    if (round) ${statements[1]}\n    else ${statements[0]}\n  }`;
  }
  const [clamp, once, each] = statements;
  const branches = `    if (round == 0) ${clamp}\n    else if (round == 1) {\n      ${once}\n    } else {\n      ${each}\n    }`;
  return `for (let round = 0; round < 3; round++) {\n${branches}\n  }`;
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
