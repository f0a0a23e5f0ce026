import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory, type LoadedBuild, writeBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { simulateSteps } from '../../compiler/run/steps/trajectory.js';
import { verifySteps } from '../../compiler/run/steps/verify-steps.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom } from '../helpers/models.js';
import { pendulum, pendulumStep, stepBuild } from './helpers.js';

/** Trajectories against the float64 reference: what is reported is what happens. */

const folder = temporaryFolder();
const hold = { u: 0 };

async function coarse(): Promise<LoadedBuild> {
  const settings = { engine: 'c', compress: 'none', goal: 'size', tolerance: 1e-2 } as const;
  const made = await buildForTarget(modelFrom(pendulum()), loadTarget('cortex-m4'), settings);
  return builtInMemory(made.compiled, made);
}

/** x wanders to one side until it leaves, whatever it does. */
const wanderer = {
  format: 'pinn-edge/1',
  name: 'wanderer',
  inputs: [{ name: 'x', min: 0, max: 1 }],
  outputs: [{ name: 'x_next', value: 'next' }],
  state: { x: 'x_next' },
  nodes: [{ name: 'next', op: 'scale', inputs: ['x'], shift: [0.125] }],
};

let fine: LoadedBuild;
beforeAll(async () => {
  const made = await stepBuild();
  fine = made;
  writeBuild(join(folder, 'build'), made.files);
}, 60_000);

describe('verifySteps', () => {
  it('finds the distance that the trajectory from the worst place has', async () => {
    const build = await coarse();
    const steps = 60;
    const { worst, distances, left } = await verifySteps(build, 'c', { steps, trajectories: 64, hold });
    expect(left).toBeLessThan(0.9);
    const [, theta, omega] = worst.from;
    const drives = new Float64Array(steps);
    const [edge, reference] = await Promise.all(
      (['c', 'reference'] as const).map((engine) =>
        simulateSteps(build, Float64Array.of(theta, omega), drives, steps, { engine }),
      ),
    );
    const state = worst.state === 'theta' ? 0 : 1;
    const far = Math.max(
      ...Array.from({ length: steps + 1 }, (_, k) => {
        const left = [edge, reference].some(({ statuses }) => statuses.subarray(0, k).includes(3));
        return left ? 0 : Math.abs(edge.states[2 * k + state] - reference.states[2 * k + state]);
      }),
    );
    expect(far).toBeCloseTo(worst.distance, 7);
    expect(worst.distance / (state ? 5 : 4)).toBeCloseTo(distances.at(-1)!.largest, 12);
  });

  it('finds the worst of all trajectories: as each of them by itself', async () => {
    const all = await verifySteps(fine, 'c', { steps: 20, trajectories: 16, hold });
    expect(all.distances.map(({ steps }) => steps)).toEqual([1, 10, 20]);
    const [first] = all.distances;
    // From the same place, one step is wrong by what it is wrong by.
    expect((await verifySteps(fine, 'c', { steps: 1, trajectories: 16, hold })).oneStep).toBe(first.largest);
    for (const [a, b] of [all.distances.slice(0, 2), all.distances.slice(1)]) {
      expect(b.largest).toBeGreaterThanOrEqual(a.largest);
      expect(b.inside).toBeLessThanOrEqual(a.inside);
      expect(b.most).toBeLessThanOrEqual(b.largest);
    }
    expect(all.oneStep).toBeGreaterThanOrEqual(first.largest);
    expect(all.left).toBe(1 - all.distances.at(-1)!.inside / 16);
  });

  it('measures the drift of what is conserved', async () => {
    const { conserved } = await verifySteps(fine, 'c', { steps: 50, trajectories: 32, hold });
    const [{ name, build, reference }] = conserved;
    expect(name).toBe('energy');
    // Symplectic Euler keeps the energy but for the order of the step; the build does what it does.
    expect(reference).toBeGreaterThan(0.01);
    expect(reference).toBeLessThan(0.3);
    expect(build).toBeCloseTo(reference, 3);
    const energy = (theta: number, omega: number) => omega ** 2 / 2 - Math.cos(theta);
    let [theta, omega] = [1.5, 0.5];
    const first = energy(theta, omega);
    let drift = 0;
    for (let k = 0; k < 50; k++) {
      [theta, omega] = pendulumStep(theta, omega, 0);
      drift = Math.max(drift, Math.abs(energy(theta, omega) - first));
    }
    expect(reference).toBeGreaterThan(drift);
  });

  it('fails where the tolerance is not kept, or no trajectory stays', async () => {
    const { distances } = await verifySteps(fine, 'c', { steps: 30, hold });
    const { most, largest } = distances.at(-1)!;
    expect(most).toBeLessThan(largest);
    const passes = async (tolerance: number) => (await verifySteps(fine, 'c', { steps: 30, hold, tolerance })).pass;
    expect(await passes(most)).toBe(true);
    expect(await passes(most * (1 - 1e-9))).toBe(false);
    const settings = { engine: 'c', compress: 'none', goal: 'size' } as const;
    const made = await buildForTarget(modelFrom(wanderer), loadTarget('cortex-m4'), settings);
    const result = await verifySteps(builtInMemory(made.compiled, made), 'c', { steps: 9, tolerance: 0.5 });
    expect(result).toMatchObject({ pass: false, left: 1 });
    expect(result.distances.at(-1)).toMatchObject({ steps: 9, inside: 0 });
  });

  it('changes the inputs that drive the model, unless they are held', async () => {
    const [held, free] = await Promise.all(
      [hold, {}].map((h) => verifySteps(fine, 'c', { steps: 100, trajectories: 50, hold: h })),
    );
    expect(free.conserved[0].reference).toBeGreaterThan(1.5 * held.conserved[0].reference);
  });
});

describe('verify --steps', () => {
  const run = (...options: string[]) => cli(['verify', join(folder, 'build'), '--samples', '64', ...options]);

  it('prints distances and passes', () => {
    const junit = join(folder, 'verify.xml');
    const { code, out } = run('--steps', '100', '--tol-steps', '1e-2', '--hold', 'u=0', '--junit', junit);
    expect(code).toBe(0);
    expect(out).toContain('200 trajectories of 100 steps: distance from the float64 network');
    expect(out).toMatch(/within steps +largest +99 % keep\n +1 +\d.*\n +10 +\d.*\n +100 +\d/);
    expect(out).toMatch(/PASS: tolerance 0.01, \d/);
    expect(readFileSync(junit, 'utf8')).toContain('distance after 100 steps');
  });

  it('fails beyond --tol-steps, in JSON as well', () => {
    const { code, out } = run('--steps', '50', '--tol-steps', '1e-8', '--trajectories', '20', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ pass: false, steps: { pass: false, steps: 50, trajectories: 20 } });
  });

  it.each([
    [['--tol-steps', '1e-2'], '--tol-steps: is about trajectories: say how many --steps'],
    [['--steps', '5', '--tol-steps', '2'], '--tol-steps: must be a number greater than 0 and less than 1, found 2'],
    [['--steps', '5', '--hold', 'theta=0'], '--hold theta: is a state'],
    [['--steps', '5', '--on', 'cortex-m4'], '--steps: is made on this machine'],
  ])('refuses %s in a sentence', (options, sentence) => {
    const { code, err } = run(...options);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });
});
