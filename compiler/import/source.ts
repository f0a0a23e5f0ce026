import type { ActivationName } from './activations.js';
import type { GraphBuilder } from './builder.js';
import type { ImportSpec } from './network-spec.js';

/** A network as a file gives it: columns in, named vectors out. */
export interface NetworkSource {
  /** Names of the input columns where the file has them; an unnamed column is undefined. */
  columns: (string | undefined)[];
  /** What was found among the tensors of a file without a graph. */
  found?: FoundNetwork;
  /**
   * Adds the network's nodes.
   * @param inputs one value of width 1 per column
   * @returns the outputs as vectors, with the names that the file gives them
   */
  build(builder: GraphBuilder, inputs: readonly string[]): NetworkOutput[];
}

/** A network of layers by the names of a file's tensors. */
export interface FoundNetwork {
  layers: string[];
  activation: ActivationName;
  outputActivation: ActivationName;
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
  /** Where no expression says so: the dot product of two networks plus a bias per output; default: outputs side by side. */
  join?: { biases: readonly number[] };
  /** Called when all is put together: refuses what of the file nothing has read. */
  account?: () => void;
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
  /** What the importer took for granted and no part of the file tells; it stays with the model. */
  assumptions: string[];
  /** Number of inputs that the user named, if any did: the columns of an input whose width the file leaves open. */
  namedInputs: number | undefined;
  /** Ends of all input ranges that are known, for comparisons with them. */
  ends: readonly number[];
  /** Bytes of a file beside this one. */
  beside(name: string): Uint8Array | undefined;
}

/** Reads one format. Throws {@link PinnEdgeError}; any other error means that the bytes are not of the format. */
export type Importer = (job: ImportJob) => Imported;
