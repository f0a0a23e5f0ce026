/**
 * What a build prefers where it has a choice: few instructions per answer, few bytes of weights and tables, or little
 * RAM altogether.
 */
export type Goal = 'speed' | 'size' | 'memory';

export const GOALS: readonly Goal[] = ['speed', 'size', 'memory'];
