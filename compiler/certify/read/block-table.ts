import type { MapClaim } from '../../ir/map-function.js';
import { PoolReader } from '../../table/oracle/memory.js';
import { type RecordShape, recordShape } from '../../table/record.js';
import { FLAG, KIND } from '../../table/specification.js';
import type { BlockTable, TableRecord } from '../../table/table.js';
import { appendClaim, claimArgument, mapPeak, readMap } from './maps.js';
import { readBlock, readMatrix, requireRoom } from './matrix-records.js';
import { cannotProve, type Program, ProgramBuilder, type StoreOp, type TableOp, type TableSpec } from './program.js';
import { appendSplineRecord } from './spline-programs.js';

/** How the caller makes engineering values of the output words. */
export interface OutputScale {
  scale: number;
  offset: number;
}

/** Where an element lies in the arena: as wide as it was stored. */
interface Stored {
  id: number;
  bytes: 2 | 4 | 8;
  /** Largest magnitude, whatever the inputs. */
  peak: number;
  /** It may have wrapped around: only tables of angles may read it. */
  wraps: boolean;
}

interface Operand {
  ids: Int32Array;
  peaks: number[];
  wraps: boolean[];
}

/** Steps that the conversion of an input in doubles may be off beyond half of one: |word| < 2^31, so 2^-21 at most. */
const INPUT_ERROR = 0.5 + 2 ** -20;

/**
 * The integer program of a block table as a program over real numbers: inputs as engineering values, each operation in
 * real arithmetic and then a `store` or `table` for what the integers are off; outputs in engineering units. Conversions
 * are those of engines/engine.ts and targets/common/pinn_edge.c, in doubles.
 *
 * @param claims per record, the function that a map record stands for
 * @throws PE4201 for what is not covered, and where integers may leave their widths by design
 */
export function readTableProgram(
  table: BlockTable,
  claims: readonly (MapClaim | null)[],
  scales: readonly OutputScale[],
): Program {
  return new TableReader(table, claims).read(scales);
}

class TableReader {
  private readonly to = new ProgramBuilder();
  private readonly arena = new Map<number, Stored>();
  private readonly pool: PoolReader;
  private readonly specs = new Map<string, TableSpec>();

  constructor(
    private readonly table: BlockTable,
    private readonly claims: readonly (MapClaim | null)[],
  ) {
    this.pool = new PoolReader(table.pool);
  }

  read(scales: readonly OutputScale[]): Program {
    const { to, table } = this;
    const inputs = table.inputs.map((_, index) => to.input(index));
    table.inputs.forEach(({ min, max, exponent }, i) => {
      const steps = to.linear(inputs[i], 2 ** exponent);
      const peak = Math.max(Math.abs(min), Math.abs(max));
      this.store(steps, 2 * i, 4, { error: INPUT_ERROR, low: min, high: max, source: 'input' }, [peak], false);
    });
    table.records.forEach((record, index) => {
      this.readRecord(record, index);
    });
    const outputs = table.outputs.map(({ exponent }, i) => {
      const at = this.at(2 * (table.inputs.length + i), 4, 'the outputs');
      const { scale, offset } = scales[i];
      const unit = 2 ** -exponent * scale;
      const value = to.linear(Int32Array.of(at.id), unit, offset);
      // Two roundings of the product and one of the sum, of magnitudes below 2^31 |unit| + |offset|.
      const error = 2 ** -51 * (2 ** 31 * Math.abs(unit) + Math.abs(offset));
      const bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
      return to.add<StoreOp>(1, { kind: 'store', x: value, error, ...bounds, source: 'output' })[0];
    });
    return to.finish(table.inputs.length, Int32Array.from(outputs));
  }

  private readRecord(record: TableRecord, index: number): void {
    const shape = recordShape(record);
    switch (record.kind) {
      case KIND.MAP_LINEAR:
      case KIND.MAP_POLYNOMIAL:
      case KIND.MAP_HORNER:
      case KIND.MAP_SLOPES:
        this.readMapRecord(record, index, shape);
        break;
      case KIND.DENSE:
      case KIND.DENSE_STARTS:
      case KIND.DENSE_DUAL:
      case KIND.LANES:
        this.readMatrixRecord(record, index, shape);
        break;
      case KIND.BLOCK:
        this.readBlockRecord(record, index, shape);
        break;
      case KIND.SCALE: {
        const x = this.operand(record.a, shape.aCount, shape.aBytes, index);
        const { weights, bias, lost } = readMatrix(record, index, this.pool, x.peaks);
        const peaks = Array.from(
          bias,
          (b, r) => Math.abs(b) + Math.abs(weights[r]) * x.peaks[x.peaks.length > 1 ? r : 0],
        );
        this.storeResult(this.to.linear(x.ids, weights, bias), record, shape, 0.5 + lost, peaks);
        break;
      }
      case KIND.ADD:
      case KIND.MUL:
      case KIND.COPY:
      case KIND.MIN:
      case KIND.MAX:
      case KIND.SELECT:
        this.readCombine(record, index, shape);
        break;
      case KIND.SPLINE: {
        const x = this.operand(record.a, shape.aCount, shape.aBytes, index);
        const sums = appendSplineRecord(this.to, record, index, this.pool, x.ids);
        this.storeResult(this.to.linear(sums, 2 ** -record.shift), record, shape, record.shift ? 0.5 : 0, []);
        break;
      }
      default:
        throw cannotProve(`record ${index}: records of kind ${record.kind} are not covered`);
    }
  }

  private readMatrixRecord(record: TableRecord, index: number, shape: RecordShape): void {
    const { cols } = record;
    // Columns that fill up a row have no weights, and read whatever lies there.
    const stored = Array.from({ length: cols }, (_, c) => this.arena.get(record.a + (c * shape.aBytes) / 2));
    const known = stored.map((s) => (s && s.bytes === shape.aBytes && !s.wraps ? s : undefined));
    const peaks = known.map((s) => s?.peak ?? 2 ** (8 * shape.aBytes - 1));
    const { weights, bias, lost } = readMatrix(record, index, this.pool, peaks);
    const used = known.map((_, c) => bias.some((_, r) => weights[r * cols + c] !== 0));
    if (used.some((isUsed, c) => isUsed && !known[c])) throw unreadable(index);
    const columns = used.flatMap((isUsed, c) => (isUsed ? [c] : []));
    const kept = Float64Array.from(Array.from(bias).flatMap((_, r) => columns.map((c) => weights[r * cols + c])));
    const sums = this.to.affine(
      Int32Array.from(columns, (c) => known[c]!.id),
      kept,
      bias,
    );
    const largest = Array.from(bias, (b, r) =>
      columns.reduce((sum, c) => sum + Math.abs(weights[r * cols + c]) * peaks[c], Math.abs(b)),
    );
    this.storeResult(sums, record, shape, 0.5 + lost, largest);
  }

  private readBlockRecord(record: TableRecord, index: number, shape: RecordShape): void {
    const { rows, cols, flags, shift } = record;
    const x = this.operand(record.a, shape.aCount, shape.aBytes, index);
    const { weights, start } = readBlock(record, this.pool);
    const isFirst = (flags & FLAG.FIRST) !== 0;
    const bytes = shape.bBytes as 4 | 8;
    const carried = isFirst ? undefined : this.operand(record.b, rows, bytes, index);
    const products = this.to.affine(x.ids, weights, start);
    const sums = carried ? this.to.linear(products, 1, 0, carried.ids, 1) : products;
    const peaks = Array.from({ length: rows }, (_, r) => {
      let peak = Math.abs(start[r]) + (isFirst ? 2 ** (shift - 1) : carried!.peaks[r]);
      for (let c = 0; c < cols; c++) peak += Math.abs(weights[r * cols + c]) * x.peaks[c];
      requireRoom(peak, shape.accBits, index);
      return peak;
    });
    if (flags & FLAG.LAST) {
      const largest = peaks.map((peak) => peak * 2 ** -shift);
      this.storeResult(this.to.linear(sums, 2 ** -shift), record, shape, 0.5, largest);
      return;
    }
    sums.forEach((id, r) => {
      this.put(record.b + (r * bytes) / 2, { id, bytes, peak: peaks[r], wraps: false });
    });
  }

  private readCombine(record: TableRecord, index: number, shape: RecordShape): void {
    const { shift, shiftA, kind } = record;
    const a = this.operand(record.a, shape.aCount, shape.aBytes, index, kind === KIND.COPY);
    const half = shift ? 0.5 : 0;
    if (kind === KIND.COPY) {
      const kept = a.wraps.some((wraps) => wraps);
      if (kept && (shift || shiftA || shape.outBytes < shape.aBytes)) throw unreadable(index);
      const scale = 2 ** (shiftA - shift);
      const peaks = a.peaks.map((peak) => scale * peak);
      this.storeResult(this.to.linear(a.ids, scale), record, shape, half, peaks, kept);
      return;
    }
    const b = this.operand(record.b, shape.bCount, shape.bBytes as 2 | 4, index);
    this.storeResult(this.combined(record, index, shape, a, b), record, shape, half, peaksOf(record, a, b));
  }

  /** The result of two operands, before it is rounded. */
  private combined(record: TableRecord, index: number, shape: RecordShape, a: Operand, b: Operand): Int32Array {
    const { to } = this;
    const { shift, shiftA, shiftB, kind, flags } = record;
    const [largestA, largestB] = [Math.max(...a.peaks), Math.max(...b.peaks)];
    if (kind === KIND.MUL) {
      const one = flags & FLAG.SUBTRACT ? 2 ** (shiftA + shiftB) : 0;
      requireRoom(largestA * largestB + one + 2 ** shift, 64, index);
      const product = to.multiply(a.ids, b.ids, 2 ** -shift);
      return one ? to.linear(product, -1, one / 2 ** shift) : product;
    }
    requireRoom(largestA * 2 ** shiftA + largestB * 2 ** shiftB + 2 ** shift, 64, index);
    const [wa, wb] = [2 ** (shiftA - shift), 2 ** (shiftB - shift)];
    if (kind === KIND.ADD) return to.linear(a.ids, wa, 0, b.ids, flags & FLAG.SUBTRACT ? -wb : wb);
    const [p, q] = [to.linear(a.ids, wa), to.linear(b.ids, wb)];
    if (kind !== KIND.SELECT) return to.extremum(kind === KIND.MIN ? 'min' : 'max', p, q);
    const condition = this.operand(record.cols, shape.conditionCount, shape.conditionBytes, index);
    return to.select(condition.ids, p, q);
  }

  private readMapRecord(record: TableRecord, index: number, shape: RecordShape): void {
    const claim = this.claims[index];
    if (!claim) throw cannotProve(`record ${index}: the build does not say which function its table stands for`);
    const x = this.operand(record.a, shape.aCount, shape.aBytes, index, true);
    const modulus = shape.aBytes * 8 + record.shiftA;
    const isAngle = (record.flags & FLAG.PERIODIC) !== 0 && modulus >= 32;
    if (!isAngle && x.wraps.some((wraps) => wraps)) throw unreadable(index);
    // Records of one table and function share the proof of it.
    const { rows: _, a: _a, out: _out, ...fields } = record;
    const key = JSON.stringify([fields, claim]);
    const spec = this.specs.get(key) ?? readMap(record, index, this.pool, claim);
    this.specs.set(key, spec);
    const f = appendClaim(this.to, x.ids, claim, claimArgument(record, claim));
    const out = this.to.add<TableOp>(record.rows, { kind: 'table', x: x.ids, f, table: spec });
    const peak = mapPeak(spec);
    out.forEach((id, i) => {
      const { outBytes } = shape;
      this.put(record.out + (i * outBytes) / 2, { id, bytes: outBytes, peak, wraps: false });
    });
  }

  /** Elements of an operand; those that may have wrapped only where `angles` may be read. */
  private operand(address: number, count: number, bytes: 2 | 4 | 8, index: number, angles = false): Operand {
    const stored = Array.from({ length: count }, (_, i) => this.at(address + (i * bytes) / 2, bytes, index));
    if (!angles && stored.some(({ wraps }) => wraps)) throw unreadable(index);
    return {
      ids: Int32Array.from(stored, ({ id }) => id),
      peaks: stored.map(({ peak }) => peak),
      wraps: stored.map(({ wraps }) => wraps),
    };
  }

  private at(address: number, bytes: number, where: number | string): Stored {
    const stored = this.arena.get(address);
    if (!stored || stored.bytes !== bytes) throw unreadable(where);
    return stored;
  }

  private put(address: number, stored: Stored): void {
    // What overlaps is gone.
    for (let at = address - 3; at < address + stored.bytes / 2; at++) {
      const other = this.arena.get(at);
      if (other && at + other.bytes / 2 > address) this.arena.delete(at);
    }
    this.arena.set(address, stored);
  }

  /** @param peaks per element, the largest magnitude before rounding; no entry where that is not known */
  private storeResult(
    x: Int32Array,
    record: TableRecord,
    shape: RecordShape,
    error: number,
    peaks: readonly number[],
    kept = false,
  ): void {
    const limit = shape.outBytes === 4 ? 2 ** 31 : 2 ** 15;
    const wraps = (record.flags & FLAG.WRAP) !== 0 || kept;
    const reached = Array.from(x, (_, i) => (peaks[i] ?? Number.POSITIVE_INFINITY) * (1 + 2 ** -40) + error);
    // Lanes do not hold what cannot leave the width.
    const isHeld = wraps && record.kind === KIND.LANES && reached.every((peak) => peak <= limit - 1);
    const isFree = wraps && !isHeld;
    const bounds = isFree ? UNBOUNDED : { low: -limit, high: limit - 1 };
    const largest = reached.map((peak) => (isFree ? limit : Math.min(limit, peak)));
    this.store(x, record.out, shape.outBytes, { error, ...bounds, source: 'value' }, largest, isFree);
  }

  private store(
    x: Int32Array,
    address: number,
    bytes: 2 | 4,
    fields: Pick<StoreOp, 'error' | 'low' | 'high' | 'source'>,
    peaks: readonly number[],
    wraps: boolean,
  ): void {
    const out = this.to.add<StoreOp>(x.length, { kind: 'store', x, ...fields });
    out.forEach((id, i) => {
      this.put(address + (i * bytes) / 2, { id, bytes, peak: peaks[i], wraps });
    });
  }
}

/** The largest magnitudes of what a record makes of two operands. */
function peaksOf({ kind, shift, shiftA, shiftB, flags }: TableRecord, a: Operand, b: Operand): number[] {
  const [largestA, largestB] = [Math.max(...a.peaks), Math.max(...b.peaks)];
  const [p, q] = [largestA * 2 ** (shiftA - shift), largestB * 2 ** (shiftB - shift)];
  const one = flags & FLAG.SUBTRACT ? 2 ** (shiftA + shiftB - shift) : 0;
  const largest =
    kind === KIND.MUL ? largestA * largestB * 2 ** -shift + one : kind === KIND.ADD ? p + q : Math.max(p, q);
  return new Array(Math.max(a.ids.length, b.ids.length)).fill(largest);
}

const UNBOUNDED = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

function unreadable(where: number | string) {
  const place = typeof where === 'number' ? `record ${where}` : where;
  return cannotProve(`${place}: what is read was not stored as it is read, which is not covered`);
}
