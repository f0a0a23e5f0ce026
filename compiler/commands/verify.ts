import { Command } from 'commander';
import { DEFAULT_MEASURE } from '../accuracy/measure.js';
import { EXIT } from '../diagnostics.js';
import { ENGINE_NAMES, type EngineName } from '../engines/types.js';
import { type LoadedBuild, loadBuild } from '../package/store.js';
import { junitReport } from '../verify/junit.js';
import { type VerifyResult, verify } from '../verify/verify.js';
import { writeFileWhole } from '../write-file.js';
import { absoluteToleranceOption, choiceOption, countOption, toleranceOption } from './options.js';
import { count, error, place, writeOut } from './output.js';

interface VerifyCommandOptions {
  tol?: number;
  tolAbs?: number;
  samples: number;
  engine: EngineName;
  junit?: string;
  json?: boolean;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('measure the error of a build against the float reference; exit code 1 when it exceeds the tolerance')
    .argument('<build>', 'folder that pinn-edge build wrote')
    .option('--tol <relative>', "tolerance to hold it to (default: the build's)", toleranceOption)
    .option('--tol-abs <value>', "tolerance in the outputs' unit", absoluteToleranceOption)
    .option(
      '--samples <n>',
      'Sobol points; corners, faces and local searches come on top',
      countOption('--samples', 16, 10_000_000),
      DEFAULT_MEASURE.samples,
    )
    .option('--engine <name>', ENGINE_NAMES.join(', '), choiceOption('--engine', ENGINE_NAMES), 'wasm3')
    .option('--junit <file>', 'write a JUnit report for CI')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge verify build/esp32
  $ pinn-edge verify build/esp32 --tol 5e-4 --samples 100000 --junit verify.xml`,
    )
    .action(run);
}

async function run(directory: string, options: VerifyCommandOptions): Promise<void> {
  const build = loadBuild(directory);
  const result = await verify(build, {
    tolerance: options.tol,
    toleranceAbsolute: options.tolAbs,
    samples: options.samples,
    engine: options.engine,
  });
  if (options.junit) writeFileWhole(options.junit, junitReport(build.report.name, result));
  writeOut(options.json ? `${JSON.stringify(toJson(result), null, 2)}\n` : text(build, result));
  if (!result.pass) process.exitCode = EXIT.checkFailed;
}

function toJson({ pass, tolerance, toleranceAbsolute, engine, samples, outputs, exact }: VerifyResult) {
  return { pass, tolerance, toleranceAbsolute, engine, samples, outputs, exact };
}

function text(build: LoadedBuild, result: VerifyResult): string {
  const { report } = build;
  const names = report.inputs.map((input) => input.name);
  const lines = [`${report.name} on ${report.target}, engine ${result.engine}, ${count(result.samples)} points`, ''];
  for (const output of result.outputs) {
    const unit = report.outputs.find((o) => o.name === output.name)?.unit;
    lines.push(
      `  ${output.name}   largest error ${output.maxAbsolute.toExponential(2)}${unit ? ` ${unit}` : ''}, relative ${error(output.maxRelative)}, at ${place(names, output.worstAt)}; relative L2 ${error(output.relativeL2)}`,
    );
  }
  for (const { module, network } of result.exact) {
    lines.push(
      `  ${module.name}   against the exact solution: relative ${error(module.maxRelative)}, L2 ${error(module.relativeL2)} (the float network: ${error(network.maxRelative)}, L2 ${error(network.relativeL2)})`,
    );
  }
  const limit = result.toleranceAbsolute === undefined ? `${result.tolerance}` : `${result.toleranceAbsolute} absolute`;
  lines.push('', `  ${result.pass ? 'PASS' : 'FAIL'}: tolerance ${limit}`);
  return `${lines.join('\n')}\n`;
}
