import type { MapClaim } from '../../ir/map-function.js';
import type { IrNode } from '../../ir/types.js';
import { type Leaf, type QuantizedGraph, segmentsOf, type ValueFormat } from '../quantized-graph.js';
import { FORMAT, KIND } from '../specification.js';
import { EMPTY_RECORD, type TableRecord } from '../table.js';
import { type PendingCopy, type Place, Placement, type Places } from './places.js';
import { PoolBuilder } from './pool.js';

/** A record whose arena addresses are still places. */
interface PendingRecord extends Places {
  fields: TableRecord;
  /** The model's node that it came from. */
  name: string;
  /** Largest magnitude of the integers of operand a, by proof; 0 where nobody asks. */
  peak: number;
  claim: MapClaim | null;
}

/** Takes the records of a graph in execution order, with what they need of pool and arena. */
export class RecordWriter {
  readonly pool = new PoolBuilder();
  readonly places: Placement;
  /** Multiplications of weights by values in one run. */
  macs = 0;
  private readonly records: PendingRecord[] = [];
  /** The records that run once for many points, if any do. */
  once?: { records: number; macs: number };

  constructor(
    readonly quantized: QuantizedGraph,
    inputCount: number,
    /** Bytes behind the output words that no record touches. */
    reservedBytes = 0,
  ) {
    this.places = new Placement(quantized, inputCount, reservedBytes);
  }

  /** The records so far run once for many points, the others for each: what these read of those lives for ever. */
  endPart(): void {
    const records = this.records.length;
    this.once = records ? { records, macs: this.macs } : undefined;
    this.places.split = records;
  }

  format(leaf: Leaf): ValueFormat {
    return this.quantized.formats.get(leaf)!;
  }

  push(name: string, fields: Partial<TableRecord>, places: Places, peak = 0, claim: MapClaim | null = null): void {
    this.places.touch(this.records.length, places);
    this.records.push({ fields: { ...EMPTY_RECORD, ...fields }, ...places, name, peak, claim });
  }

  /** Copies components to where they are wanted, as `bits` wide integers of the same scale. */
  copy({ from, to }: PendingCopy, bits: 16 | 32, name: string): void {
    const fields = {
      kind: KIND.COPY,
      format:
        (this.format(from.leaf).bits === 32 ? FORMAT.A_WIDE : 0) |
        (bits === 32 ? FORMAT.OUT_WIDE : 0) |
        FORMAT.ACC_WIDE,
      rows: from.width,
    };
    this.push(name, fields, { a: this.places.placeOf(from), out: to });
  }

  /** Where the argument of a matrix lies side by side, copied there if need be. */
  matrixArgument(x: IrNode, name: string): { place: Place; wide: boolean } {
    const { place, copies } = this.places.contiguousPlace(x);
    for (const copy of copies) this.copy(copy, this.format(copy.from.leaf).bits, name);
    return { place, wide: this.format(segmentsOf(x)[0].leaf).bits === 32 };
  }

  /** The records with their addresses, and per record its node's name, peak and function. */
  finish(): {
    records: TableRecord[];
    names: string[];
    peaks: number[];
    claims: (MapClaim | null)[];
    arenaBytes: number;
  } {
    const { address, bytes } = this.places.plan();
    const addressOf = (place: Place | undefined) => (place ? address(place) : 0);
    return {
      records: this.records.map(({ fields, a, b, condition, out }) => ({
        ...fields,
        cols: condition ? address(condition) : fields.cols,
        a: addressOf(a),
        b: addressOf(b),
        out: addressOf(out),
      })),
      names: this.records.map(({ name }) => name),
      peaks: this.records.map(({ peak }) => peak),
      claims: this.records.map(({ claim }) => claim),
      arenaBytes: bytes,
    };
  }
}
