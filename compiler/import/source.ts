import type { GraphBuilder } from './builder.js';
import type { ImportSpec } from './spec.js';

/** A network as a file gives it: columns in, named vectors out. */
export interface NetworkSource {
  /** Names of the input columns where the file has them; an unnamed column is undefined. */
  columns: (string | undefined)[];
  /** Names of its layers in order, where they were found among the tensors of a file without a graph. */
  layers?: string[];
  /**
   * Adds the network's nodes.
   * @param inputs one value of width 1 per column
   * @returns the outputs as vectors, with the names that the file gives them
   */
  build(builder: GraphBuilder, inputs: readonly string[]): NetworkOutput[];
}

export interface NetworkOutput {
  name: string;
  value: string;
  /** Names of the components, where the file has them. */
  components?: string[];
}

/** Everything that an importer hands over. */
export interface Imported {
  /** Networks by the name that expressions use: `N` where there is one. */
  networks: Map<string, NetworkSource>;
  /** How networks are put together when no expression says so, in words; default: outputs side by side. */
  join?: 'dot';
  /** Numbers of the file that expressions may use, by name. */
  numbers?: (name: string) => readonly number[] | undefined;
  description?: string;
  /** Names of the outputs, where the file tells them. */
  outputs?: string[];
}

/** What an importer works from. */
export interface ImportJob {
  file: string;
  bytes: Uint8Array;
  /** May override or add what the file lacks. */
  spec: ImportSpec;
  /** Where the importer says what it inferred. */
  notes: string[];
  /** Number of inputs that the user named, if any did: the columns of an input whose width the file leaves open. */
  namedInputs: number | undefined;
  /** Ends of all input ranges that are known, for comparisons with them. */
  ends: readonly number[];
  /** Bytes of a file beside this one. */
  beside(name: string): Uint8Array | undefined;
}

/** Reads one format. Throws {@link PinnEdgeError}; any other error means that the bytes are not of the format. */
export type Importer = (job: ImportJob) => Imported;
