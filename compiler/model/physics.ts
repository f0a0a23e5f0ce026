import type { Problem } from '../diagnostics.js';
import { checkPlace } from './conditions.js';
import { orderOf, requireKnownOrder } from './derivatives.js';
import { type CompiledExpression, compileExpression } from './expression.js';
import { allOutputs, type Model } from './types.js';

/** Expressions of outputs and of the physics block: checked here, for whoever needs their values. */

type PhysicsOwner = Pick<Model, 'inputs' | 'outputs' | 'hidden' | 'physics'>;

const SHOWN = 60;

/** Adds to `problems` what is wrong with outputs that are expressions. */
export function checkDerivedOutputs(model: PhysicsOwner, problems: Problem[]): void {
  allOutputs(model).forEach(({ name, expression }, i) => {
    if (expression === undefined) return;
    checkExpression(`outputs[${i}].expression`, expression, problems, () =>
      requireKnownOrder(model, expression, [name]),
    );
  });
}

function checkExpression(path: string, source: string, problems: Problem[], checkNames: () => void): void {
  try {
    // The grammar and the functions first, then what the names stand for.
    compileExpression(source, () => true);
    checkNames();
  } catch (error) {
    problems.push({
      path,
      found: `"${source.length > SHOWN ? `${source.slice(0, SHOWN - 3)}...` : source}" (${(error as Error).message})`,
      expected: 'an expression of inputs, parameters, outputs, their derivatives and functions',
    });
  }
}

/** Adds to `problems` what is wrong with residuals, conditions, parameters and exact solutions. */
export function checkPhysics(model: PhysicsOwner, problems: Problem[]): void {
  const { physics } = model;
  if (!physics) return;
  const inputs = model.inputs.map((input) => input.name);
  const outputs = allOutputs(model).map((output) => output.name);
  const parameters = Object.keys(physics.parameters ?? {});
  for (const name of parameters) {
    if (inputs.includes(name) || outputs.includes(name)) {
      problems.push({
        path: `physics.parameters.${name}`,
        found: 'the name of an input or output',
        expected: 'a name of its own',
      });
    }
  }
  const known = new Set([...inputs, ...parameters]);
  const tryCompile = (path: string, source: string, isKnown: (name: string) => boolean) => {
    try {
      compileExpression(source, isKnown);
    } catch (error) {
      problems.push({
        path,
        found: `"${source.length > SHOWN ? `${source.slice(0, SHOWN - 3)}...` : source}" (${(error as Error).message})`,
        expected: 'an expression of inputs, parameters and functions',
      });
    }
  };
  physics.residuals?.forEach((residual, i) => {
    const { expression } = residual;
    checkExpression(`physics.residuals[${i}].expression`, expression, problems, () => orderOf(model, expression));
  });
  physics.conditions?.forEach(({ where, expression }, i) => {
    const path = `physics.conditions[${i}]`;
    checkPlace(model, where, `${path}.where`, problems);
    checkExpression(`${path}.expression`, expression, problems, () => orderOf(model, expression));
  });
  for (const [output, source] of Object.entries(physics.exact ?? {})) {
    if (!outputs.includes(output)) {
      problems.push({
        path: `physics.exact.${output}`,
        found: 'a name that is no output',
        expected: `one of ${outputs.join(', ')}`,
      });
    }
    tryCompile(`physics.exact.${output}`, source, (name) => known.has(name));
  }
  for (const [name, source] of Object.entries(physics.conserved ?? {})) {
    tryCompile(`physics.conserved.${name}`, source, (part) => known.has(part));
  }
}

/** The exact solution of each output that has one: a function of the inputs in engineering units. */
export function exactSolutions(model: PhysicsOwner): Map<string, PointValue> {
  return functionsOfInputs(model, model.physics?.exact);
}

/** What is constant along the trajectories of a step model: functions of the inputs in engineering units. */
export function conservedValues(model: PhysicsOwner): Map<string, PointValue> {
  return functionsOfInputs(model, model.physics?.conserved);
}

/** A value at a point of the input box. */
export type PointValue = (point: ArrayLike<number>) => number;

function functionsOfInputs(model: PhysicsOwner, sources: Record<string, string> = {}): Map<string, PointValue> {
  const { inputs, physics } = model;
  const parameters = Object.entries(physics?.parameters ?? {});
  const known = new Set([...inputs.map((input) => input.name), ...parameters.map(([name]) => name)]);
  const values = new Map<string, PointValue>();
  for (const [owner, source] of Object.entries(sources)) {
    const expression: CompiledExpression = compileExpression(source, (name) => known.has(name));
    const scope = new Map<string, number>(parameters);
    values.set(owner, (point) => {
      inputs.forEach((input, i) => {
        scope.set(input.name, point[i]);
      });
      return expression.evaluate(scope);
    });
  }
  return values;
}
