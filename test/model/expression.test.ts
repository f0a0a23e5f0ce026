import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../compiler/model/expression.js';

const evaluate = (source: string, scope: Record<string, number> = {}) =>
  compileExpression(source, (name) => name in scope).evaluate(new Map(Object.entries(scope)));

describe('expressions', () => {
  it.each<[string, number]>([
    ['-2^2', -4],
    ['(-2)^2', 4],
    ['2^3^2', 512],
    ['2^-1', 0.5],
    ['-2^-2', -0.25],
    ['1 - 2 - 3', -4],
    ['2 * -x', -6],
    ['-x * 2', -6],
    ['12 / 2 / 3', 2],
    ['sin(pi/2) + max(1, x)', 4],
    ['1e-3 * 1000', 1],
  ])('%s is %d', (source, value) => {
    expect(evaluate(source, { x: 3 })).toBeCloseTo(value, 12);
  });

  it.each([
    'y',
    'x.constructor',
    'x = 1',
    'x; y',
    '"a"',
    'x[0]',
    'constructor(1)',
    'x ? 1 : 2',
    'sin()',
    'sin(1, 2)',
    'x +',
    '',
    '('.repeat(9000),
  ])('refuses %.20s', (source) => {
    expect(() => evaluate(source, { x: 3 })).toThrow();
  });
});
