import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../compiler/commands/build-model.js';
import { buildWithin, requireState, rolloutOption } from '../../compiler/commands/build-steps.js';
import { makeTeacher } from '../../compiler/compress/teacher/make-teacher.js';
import { makePool, trainingPoints } from '../../compiler/compress/teacher/teacher.js';
import { trajectoryPoints } from '../../compiler/compress/teacher/trajectory-points.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { modelFrom } from '../helpers/models.js';
import { pendulum, pendulumStep } from './helpers.js';

const wishes = { engine: 'c', compress: 'none', precision: 'auto', effort: 'quick', for: 'size' } as const;

function within(rollout: string, tol = { all: 1e-2, outputs: {} }) {
  const said: string[] = [];
  const model = modelFrom(pendulum());
  const make = (asked: Parameters<typeof buildModel>[2]) =>
    buildModel(model, loadTarget('cortex-m4'), asked, 'pendulum.json', () => {});
  const built = buildWithin(rolloutOption(rollout), { ...wishes, tol }, make, (text) => said.push(text));
  return { built, said };
}

describe('networks that are to keep a trajectory', () => {
  it('learn on trajectories of the float64 network', () => {
    const model = modelFrom(pendulum());
    const points = trajectoryPoints(model, 20);
    const rows = Array.from({ length: points.length / 3 }, (_, p) => [...points.subarray(3 * p, 3 * p + 3)]);
    const trajectories = rows.length / 20;
    expect(trajectories).toBeGreaterThan(30);
    const held = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value));
    let [moved, changed] = [0, 0];
    rows.slice(trajectories).forEach(([u, theta, omega], k) => {
      const [before, angle, speed] = rows[k];
      const [next, faster] = pendulumStep(angle, speed, before);
      expect(theta).toBeCloseTo(held(next, 2), 12);
      expect(omega).toBeCloseTo(held(faster, 2.5), 12);
      expect(Math.abs(u)).toBeLessThanOrEqual(0.5);
      moved += Number(theta !== angle);
      changed += Number(u !== before);
    });
    expect(moved).toBeGreaterThan(rows.length / 2);
    expect(changed).toBe(trajectories);
    const graph = foldGraph(buildIr(model));
    const plain = makeTeacher(model, graph, [1e-3, 1e-3], 0);
    const teacher = makeTeacher(model, graph, [1e-3, 1e-3], 0, 20);
    expect(trainingPoints(teacher, 100).length).toBe(trainingPoints(plain, 100).length + points.length);
    expect(makePool(teacher).count).toBe(makePool(plain).count + rows.length);
    expect(trajectoryPoints(modelFrom(pendulum((m) => delete m.state)), 20)).toHaveLength(0);
  });
});

describe('build --tol-steps', () => {
  it('builds again until the trajectories keep it', async () => {
    const { built, said } = within('2e-4@30');
    const { report } = await built;
    expect(said.filter((text) => text.includes('within 30 steps')).length).toBeGreaterThan(1);
    for (const name of ['theta_next', 'omega_next']) {
      expect((report.tolerance.outputs![name] as { relative: number }).relative).toBeLessThan(1e-2);
    }
    expect(report.tolerance.all).toEqual({ relative: 1e-2 });
  });

  it('leaves a build that keeps it alone', async () => {
    const { built, said } = within('0.5@5');
    expect((await built).report.tolerance).toEqual({ all: { relative: 1e-2 } });
    expect(said).toHaveLength(1);
  });

  it('is refused where it cannot be kept, or means nothing', async () => {
    await expect(within('1e-9@30').built).rejects.toThrow(/PE5112|is not kept|cannot be kept/);
    expect(() => requireState(modelFrom(pendulum((m) => delete m.state)))).toThrow('"pendulum" is no step model');
    for (const text of ['1e-2', '0@5', '2@5', '1e-2@0', '1e-2@1.5', 'x@5', '1e-2@5@6']) {
      expect(() => rolloutOption(text)).toThrow('expected a share of the range and a number of steps');
    }
  });

  it('is an option of build', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'model.json');
    writeFileSync(file, JSON.stringify(pendulum()));
    const options = ['--target', 'cortex-m4', '--engine', 'c', '--compress', 'none', '-o', join(folder, 'build')];
    const { code, out } = cli(['build', file, ...options, '--tol-steps', '1e-2@20']);
    expect(code).toBe(0);
    expect(out).toMatch(/steps +\d\.\de-\d of 0.01 within 20 steps/);
  });
});
