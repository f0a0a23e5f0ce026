import { expect, it } from 'vitest';
import { attackCertificate } from '../../bench/certify-soundness.js';
import { certify } from '../../compiler/certify/certify.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { quantized } from './helpers.js';

/** The attacks of the bench: they find nothing above a certificate, and errors of integers that are off. */
it('finds no point above a certificate, and those of an engine that is off', async () => {
  const build = quantized(modelFrom(perceptron([2, 4, 1], 'tanh', 3)), 1e-3);
  const { certificate } = await certify(build, { threads: 1, boxes: 60 });
  const decoded = decodeTable(build.table);
  const edge = (points: Float64Array) => {
    const words = createOracle(decoded).run(toWords(points, inputWordFormats(decoded))).outputs;
    return fromWords(words, outputWordFormats(decoded, build.model.outputs));
  };
  const effort = { random: 3000, grid: 2500 };
  const tried = attackCertificate(build, certificate, edge, effort);
  expect(tried).toMatchObject({ random: 3000, above: 0, taken: [] });
  expect(tried.refused.length).toBeGreaterThanOrEqual(9);
  expect(Math.min(tried.share.random, tried.share.verify, tried.share.searched)).toBeGreaterThan(0.2);
  const { bound } = certificate.outputs[0];
  // Off by the bound in one corner of the box.
  const off = (points: Float64Array) =>
    edge(points).map((value, p) => (points[2 * p] > 0.9 && points[2 * p + 1] > 0.9 ? value + 2 * bound : value));
  expect(attackCertificate(build, certificate, off, effort).above).toBeGreaterThan(0);
}, 120_000);
