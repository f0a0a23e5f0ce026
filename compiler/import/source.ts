import type { GraphBuilder } from './builder.js';
import type { ImportSpec } from './spec.js';

/** A network as a file gives it: columns in, named vectors out. */
export interface NetworkSource {
  /** Names of the input columns where the file has them; an unnamed column is undefined. */
  columns: (string | undefined)[];
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
}

/** Reads one format; `spec` may override what the file lacks. */
export type Importer = (file: string, bytes: Uint8Array, spec: ImportSpec, notes: string[]) => Imported;
