import { EXIT, PinnEdgeError } from '../../diagnostics.js';
import type { Board } from './boards.js';

/** Output words, row-major [points x outputs], and one status per point. */
export interface Answers {
  outputs: Int32Array;
  statuses: ArrayLike<number>;
}

/** @throws PE8004, naming the first word of the board that is not the host's */
export function requireEqual(board: Board, there: Answers, here: Answers, outputCount: number): void {
  const differ = (what: string, point: number, found: number | undefined, wanted: number) =>
    new PinnEdgeError(
      'PE8004',
      { board: board.name, compiler: board.compiler.command, what, point, found: String(found), wanted },
      EXIT.checkFailed,
    );
  for (let p = 0; p < here.statuses.length; p++) {
    if (there.statuses[p] !== here.statuses[p]) throw differ('the result', p, there.statuses[p], here.statuses[p]);
    for (let k = 0; k < outputCount; k++) {
      const i = p * outputCount + k;
      if (there.outputs[i] !== here.outputs[i]) throw differ(`word ${k}`, p, there.outputs[i], here.outputs[i]);
    }
  }
}
