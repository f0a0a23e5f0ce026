import type { StageResult } from './compiled-model.js';

/** What every stage did, with the seconds since the one before it. */
export class StageLog {
  readonly stages: StageResult[] = [];
  private last = performance.now();

  constructor(private readonly onStage?: (stage: StageResult) => void) {}

  finish(stage: StageResult['stage'], detail: string, error?: number): void {
    const now = performance.now();
    const result = { stage, detail, error, seconds: (now - this.last) / 1000 };
    this.last = now;
    this.stages.push(result);
    this.onStage?.(result);
  }
}
