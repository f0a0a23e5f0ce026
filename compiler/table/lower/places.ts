import type { IrNode } from '../../ir/types.js';
import { type Leaf, type QuantizedGraph, type Segment, segmentsOf } from '../quantized-graph.js';
import { align, type BufferLife, planArena } from './arena.js';

/** A run of bytes whose arena address is decided once all lifetimes are known; `fixed` ones are given. */
export interface ArenaBuffer {
  bytes: number;
  alignment?: number;
  first: number;
  last: number;
  fixed?: number;
}

/** A byte of a buffer. */
export interface Place {
  buffer: ArenaBuffer;
  byte: number;
}

/** The places that a record reads and writes. */
export interface Places {
  a?: Place;
  b?: Place;
  condition?: Place;
  out: Place;
}

/** A segment that has to be copied to where it is wanted as well. */
export interface PendingCopy {
  from: Segment;
  to: Place;
}

/** Where the values of a graph lie: first in which buffer, and once all lifetimes are known, at which address. */
export class Placement {
  private readonly buffers: ArenaBuffer[] = [];
  private readonly places = new Map<Leaf, Place>();
  /** Where a value lies contiguously, once its copies (if any) have been made. */
  private readonly contiguous = new Map<IrNode, { place: Place; copies: PendingCopy[] }>();
  private readonly outputBlock: ArenaBuffer;
  /** The first record that runs for each point, where those before it run once for many: what it reads of them stays. */
  split = 0;
  /** Bytes of the input and output words, and what else is kept behind them, at the start of the arena. */
  private readonly reserved: number;

  constructor(
    private readonly quantized: QuantizedGraph,
    inputCount: number,
    reservedBytes: number,
  ) {
    const outputCount = quantized.graph.output.width;
    const forEver = { first: 0, last: Number.POSITIVE_INFINITY };
    const inputBlock: ArenaBuffer = { bytes: 4 * inputCount, fixed: 0, ...forEver };
    this.outputBlock = { bytes: 4 * outputCount, fixed: 4 * inputCount, ...forEver };
    this.reserved = 4 * (inputCount + outputCount) + reservedBytes;
    for (const node of quantized.graph.nodes) {
      if (node.kind === 'input') this.places.set(node, { buffer: inputBlock, byte: 4 * node.index });
    }
  }

  /** Lets outputs be written straight into the output words where they can; returns those that must be copied there. */
  placeOutputs(): PendingCopy[] {
    const copies: PendingCopy[] = [];
    let byte = 0;
    for (const segment of segmentsOf(this.quantized.graph.output)) {
      const to = { buffer: this.outputBlock, byte };
      if (this.canPlace(segment) && this.elementBytes(segment.leaf) === 4) this.places.set(segment.leaf, to);
      else copies.push({ from: segment, to });
      byte += 4 * segment.width;
    }
    return copies;
  }

  /** Decides where the parts of a matrix's argument lie side by side. */
  placeContiguous(node: IrNode): void {
    const segments = segmentsOf(node);
    if (this.contiguous.has(node) || segments.length === 1 || this.alreadyContiguous(segments)) return;
    const bytes = this.elementBytes(segments[0].leaf);
    const buffer = this.newBuffer(node.width * bytes);
    const copies: PendingCopy[] = [];
    let byte = 0;
    for (const segment of segments) {
      const to = { buffer, byte };
      if (this.canPlace(segment)) this.places.set(segment.leaf, to);
      else copies.push({ from: segment, to });
      byte += segment.width * bytes;
    }
    this.contiguous.set(node, { place: { buffer, byte: 0 }, copies });
  }

  /** Where the argument of a matrix lies side by side, and the copies that are still to be made for it: each only once. */
  contiguousPlace(node: IrNode): { place: Place; copies: PendingCopy[] } {
    const block = this.contiguous.get(node);
    const copies = block?.copies.splice(0) ?? [];
    return { place: block?.place ?? this.placeOf(segmentsOf(node)[0]), copies };
  }

  /** Where a leaf's component lies; the leaf gets a buffer of its own when it has no place yet. */
  placeOf({ leaf, start }: Segment): Place {
    let place = this.places.get(leaf);
    if (!place) {
      place = { buffer: this.newBuffer(leaf.width * this.elementBytes(leaf)), byte: 0 };
      this.places.set(leaf, place);
    }
    return { buffer: place.buffer, byte: place.byte + start * this.elementBytes(leaf) };
  }

  /** A buffer whose life begins and ends with the records that touch it. */
  newBuffer(bytes: number, alignment?: number): ArenaBuffer {
    const buffer = { bytes: align(bytes), alignment, first: Number.POSITIVE_INFINITY, last: -1 };
    this.buffers.push(buffer);
    return buffer;
  }

  /** Notes that the record of this number reads or writes the places. */
  touch(step: number, { a, b, condition, out }: Places): void {
    for (const place of [a, b, condition, out]) {
      if (!place || place.buffer.fixed !== undefined) continue;
      place.buffer.first = Math.min(place.buffer.first, step);
      place.buffer.last = Math.max(place.buffer.last, step);
    }
  }

  /** Addresses of places in halfwords, and the bytes of the arena; after the last record. */
  plan(): { address(place: Place): number; bytes: number } {
    // A buffer that nothing touches (its value is only copied from elsewhere) takes no room.
    const stays = ({ first, last }: ArenaBuffer) => first < this.split && last >= this.split;
    const lives: BufferLife[] = this.buffers.map((b) => {
      if (b.last < 0) return { ...b, bytes: 0, first: 0, last: 0 };
      return stays(b) ? { ...b, last: Number.POSITIVE_INFINITY } : b;
    });
    const { offsets, bytes } = planArena(lives, this.reserved);
    const offset = new Map(this.buffers.map((buffer, i) => [buffer, offsets[i]]));
    return { bytes, address: ({ buffer, byte }) => ((buffer.fixed ?? offset.get(buffer)!) + byte) / 2 };
  }

  private canPlace({ leaf, width }: Segment): boolean {
    return width === leaf.width && !this.places.has(leaf);
  }

  private alreadyContiguous(segments: readonly Segment[]): boolean {
    let next: Place | undefined;
    for (const { leaf, start, width } of segments) {
      const place = this.places.get(leaf);
      if (!place) return false;
      const byte = place.byte + start * this.elementBytes(leaf);
      if (next && (place.buffer !== next.buffer || byte !== next.byte)) return false;
      next = { buffer: place.buffer, byte: byte + width * this.elementBytes(leaf) };
    }
    return true;
  }

  private elementBytes(leaf: Leaf): number {
    return this.quantized.formats.get(leaf)!.bits / 8;
  }
}
