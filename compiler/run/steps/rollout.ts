import { createEngine } from '../../code/engines/create.js';
import {
  type Engine,
  type EngineName,
  fromWords,
  inputWordFormats,
  outputWordFormats,
  toWords,
} from '../../code/engines/engine.js';
import type { LoadedBuild } from '../../deliver/package/store.js';
import { PinnEdgeError } from '../../diagnostics.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { statePlaces } from '../../model/state.js';
import type { Model } from '../../model/types.js';
import { nextStateWord, stateWords } from '../../table/state-words.js';
import { decodeTable } from '../../table/table.js';

/** Trajectories of step models, many at once, one step at a time: by a build's integers, or by the float64 reference. */

/** What one step of a trajectory says, by what pe_step returns on a device. */
export const STEP = {
  ok: 0,
  /** An input that drives it was outside of its range and was moved to the nearest end. */
  clamped: 1,
  /** A state was about to leave its range and is held at the end of it. */
  left: 3,
} as const;

export interface Rollout {
  /** Name of the engine. */
  readonly name: string;
  /** The states now, in engineering units, row-major [trajectories x states]. */
  states(): Float64Array;
  /**
   * One step of all of them.
   * @param drives inputs that are no state, row-major [trajectories x drives], engineering units
   * @returns all outputs of the step, row-major [trajectories x outputs], and one of {@link STEP} per trajectory
   */
  step(drives: Float64Array): { outputs: Float64Array; statuses: Uint8Array };
  dispose(): void;
}

/** @throws PE5111 for a build of a model that has no state */
export function requireSteps({ model, directory }: LoadedBuild): void {
  if (!statePlaces(model).length) throw new PinnEdgeError('PE5111', { build: directory });
}

/** Places of the inputs that are no state. */
export function drivePlaces(model: Model): number[] {
  const states = statePlaces(model).map(({ input }) => input);
  return model.inputs.flatMap((_, i) => (states.includes(i) ? [] : [i]));
}

/**
 * By a build's integers, as a device steps: the state stays in words.
 *
 * @param initial row-major [trajectories x states], engineering units, within the box
 * @param record is given the input words of every step, row-major [trajectories x inputs], before it is made
 */
export async function wordRollout(
  build: LoadedBuild,
  choice: EngineName | Engine,
  initial: Float64Array,
  record: (words: Int32Array) => void = () => {},
): Promise<Rollout> {
  const { model, report, runnable } = build;
  const table = decodeTable(runnable.table);
  const states = stateWords(table, statePlaces(model));
  const drives = drivePlaces(model);
  const [inputFormats, outputFormats] = [inputWordFormats(table), outputWordFormats(table, report.outputs)];
  const stateFormats = states.map(({ input }) => inputFormats[input]);
  const driveFormats = drives.map((input) => inputFormats[input]);
  const count = initial.length / states.length;
  const [width, outputWidth] = [model.inputs.length, model.outputs.length];
  const words = new Int32Array(count * width);
  const first = toWords(initial, stateFormats);
  for (let p = 0; p < count; p++) {
    for (const [k, { input }] of states.entries()) words[p * width + input] = first[p * states.length + k];
  }
  const engine = typeof choice === 'string' ? await createEngine(choice, runnable) : choice;
  return {
    name: engine.name,
    states: () => {
      const now = Int32Array.from({ length: count * states.length }, (_, i) => {
        return words[Math.floor(i / states.length) * width + states[i % states.length].input];
      });
      return fromWords(now, stateFormats);
    },
    step(values) {
      const driving = toWords(values, driveFormats);
      for (let p = 0; p < count; p++) {
        for (const [k, input] of drives.entries()) words[p * width + input] = driving[p * drives.length + k];
      }
      record(words);
      const answers = engine.run(words);
      const statuses = Uint8Array.from(answers.statuses, (status) => (status === 0 ? STEP.ok : STEP.clamped));
      for (let p = 0; p < count; p++) {
        for (const state of states) {
          const { word, isOutside } = nextStateWord(answers.outputs[p * outputWidth + state.output], state);
          words[p * width + state.input] = word;
          if (isOutside) statuses[p] = STEP.left;
        }
      }
      return { outputs: fromWords(answers.outputs, outputFormats), statuses };
    },
    dispose: () => {
      if (typeof choice === 'string') engine.dispose?.();
    },
  };
}

/** By the float64 reference of the model, held to the box in the same way. */
export function referenceRollout(model: Model, initial: Float64Array): Rollout {
  const places = statePlaces(model);
  const drives = drivePlaces(model);
  const count = initial.length / places.length;
  const [width, outputWidth] = [model.inputs.length, model.outputs.length];
  const points = new Float64Array(count * width);
  for (let p = 0; p < count; p++) {
    for (const [k, { input }] of places.entries()) points[p * width + input] = initial[p * places.length + k];
  }
  const hold = (value: number, input: number) => {
    const { min, max } = model.inputs[input];
    return Math.min(max, Math.max(min, value));
  };
  return {
    name: 'reference',
    states: () =>
      Float64Array.from({ length: count * places.length }, (_, i) => {
        return points[Math.floor(i / places.length) * width + places[i % places.length].input];
      }),
    step(values) {
      const statuses = new Uint8Array(count);
      const put = (p: number, input: number, value: number, status: number) => {
        const held = hold(value, input);
        if (held !== value) statuses[p] = status;
        points[p * width + input] = held;
      };
      for (let p = 0; p < count; p++) {
        for (const [k, input] of drives.entries()) put(p, input, values[p * drives.length + k], STEP.clamped);
      }
      const outputs = evaluateReference(model, points);
      for (let p = 0; p < count; p++) {
        for (const { input, output } of places) put(p, input, outputs[p * outputWidth + output], STEP.left);
      }
      return { outputs, statuses };
    },
    dispose: () => {},
  };
}
