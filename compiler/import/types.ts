import type { Model, ModelOutput, Physics } from '../model/types.js';

/** One `--input name=min:max[:unit]`, or an input of a spec, whose range may be given elsewhere. */
export interface InputFacts {
  name: string;
  min?: number;
  max?: number;
  unit?: string;
  description?: string;
}

/** One `--output name[:unit]`, or an output of a spec. */
export interface OutputFacts {
  name: string;
  unit?: string;
  /** Engineering value = scale * value + offset. */
  scale?: number;
  offset?: number;
  description?: string;
}

/** One `--derive name=expression`, or `--derive u_x`, whose name is the expression. */
export interface DeriveFacts {
  name: string;
  expression: string;
}

/** What the command line adds to a file. */
export interface ImportOptions {
  /** Inputs in the order of the network's input columns, or, where the file names its inputs, by name. */
  inputs?: InputFacts[];
  /** Outputs in the order of the network's outputs. */
  outputs?: OutputFacts[];
  /** Outputs that are expressions: `--derive`. */
  derive?: DeriveFacts[];
  /** Every residual of the physics block becomes an output. */
  residuals?: boolean;
  /** Names of the outputs to send; others are computed where an expression needs them, and dropped where none does. */
  keep?: string[];
  /** Inputs held to a constant. */
  fix?: Record<string, number>;
  /** Of a step model: by the name of an input, the output that is its next value. */
  state?: Record<string, string>;
  /** Text of the `--spec` file, and its path for messages. */
  spec?: { file: string; text: string };
  /** Name of the model; default: the file's. */
  name?: string;
}

export interface ImportResult {
  model: Model;
  /** What was inferred or dropped, one sentence each. */
  notes: string[];
}

/** An imported network before ranges, fixed inputs and dropped outputs. */
export interface Draft {
  /** Names in the order of the network's columns; facts where they are known. */
  inputs: InputFacts[];
  outputs: ModelOutput[];
  hidden?: ModelOutput[];
  description?: string;
  tolerance?: number;
  physics?: Physics;
  state?: Record<string, string>;
}
