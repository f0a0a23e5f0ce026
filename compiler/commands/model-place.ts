import { existsSync, realpathSync, statSync } from 'node:fs';
import { PinnEdgeError } from '../diagnostics.js';
import { requireWritable } from '../host/write-file.js';
import { hasForeignName } from '../import/detect.js';
import { weightsBeside } from '../model/write.js';

/**
 * Refuses, before any long work, a place for a model that cannot be written, or where something of the user's would be
 * lost: the model that is read, or weights that are not those of an earlier model of the same name.
 * @param output the `pinn-edge/1` file to write, its weights beside it
 * @param input the file that is read
 */
export function requireModelPlace(output: string, input: string): void {
  if (hasForeignName(output)) throw new PinnEdgeError('PE3010', { file: output });
  requireWritable(output);
  if (existsSync(output) && statSync(output).isDirectory()) {
    throw new PinnEdgeError('PE1004', { directory: output, reason: 'it is a folder; give the name of a file' });
  }
  if (isSame(output, input)) throw new PinnEdgeError('PE3009', { file: output });
  const weights = weightsBeside(output);
  if (isSame(weights, input) || (existsSync(weights) && !existsSync(output))) {
    throw new PinnEdgeError('PE3011', { file: output, weights });
  }
}

function isSame(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}
