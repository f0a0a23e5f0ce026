import type { IrGraph } from '../../ir/types.js';
import { joinSamples, makePool, moreSamples, type Samples, type Teacher, unseenSamples } from './teacher.js';
import { climb } from './worst-points.js';

/** The points that a search for a smaller network looks at. Peaks that it meets join them, so that they stay down. */
export interface SearchPoints {
  /** Where refinement looks for the largest errors. */
  pool: Samples;
  /** What networks are judged by: refinement does not see them, but for the peaks. */
  unseen: Samples;
  /** Where climbing to peaks starts: more than can be looked at for every network. */
  starts: Samples;
}

export function searchPoints(teacher: Teacher): SearchPoints {
  return { pool: makePool(teacher), unseen: unseenSamples(teacher), starts: moreSamples(teacher, 'search') };
}

export function addPeaks({ pool, unseen, starts }: SearchPoints, peaks: Samples): SearchPoints {
  return { pool: joinSamples(pool, peaks), unseen: joinSamples(unseen, peaks), starts };
}

/** The last check of networks that are compressed alone; a build measures its module instead. */
export type LastCheck = (graph: IrGraph) => Checked;

export interface Checked {
  /** Share of the tolerance that the largest error takes. */
  error: number;
  /** Of what is allowed: 1 is just kept. */
  spent: number;
  /** Where climbing has led. */
  peaks: Samples;
}

/**
 * Climbs from the worst of many points that no search has seen.
 * @param allowed share of the tolerance
 */
export function lastCheck(teacher: Teacher, allowed: number): LastCheck {
  let samples: Samples | undefined;
  return (graph) => {
    samples ??= moreSamples(teacher, 'check');
    const { peaks, error } = climb(teacher, graph, samples);
    return { error, spent: error / allowed, peaks };
  };
}

/** How often a search begins again, with the peaks in view, where the last check refuses what it has found. */
export const SEARCHES = 3;
/** Each time with so much of the share of the tolerance. */
export const RETRY_SHARE = 0.95;
