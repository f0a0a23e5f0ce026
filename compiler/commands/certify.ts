import { join } from 'node:path';
import { Command } from 'commander';
import type { Certificate, CertifiedOutput } from '../certify/certificate.js';
import { type Certified, certify, DEFAULT_BOXES } from '../certify/certify.js';
import { checkCertificate } from '../certify/check/check-certificate.js';
import { CERTIFICATE_FILE, readCertificate, readClaims } from '../deliver/package/certificate-file.js';
import type { Report } from '../deliver/package/report.js';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { EXIT } from '../diagnostics.js';
import { requireWritable, writeFileWhole } from '../host/write-file.js';
import {
  allowancesOf,
  describeRequirement,
  type Requirement,
  requirementOf,
  toleranceOf,
} from '../judge/requirement.js';
import { modelHash } from '../model/hash.js';
import {
  absoluteToleranceOption,
  countOption,
  requestedTolerance,
  type ToleranceOption,
  toleranceOption,
} from './options.js';
import { count, error, place, writeNote, writeOut } from './output.js';

interface CertifyCommandOptions {
  check?: boolean;
  tol?: ToleranceOption;
  tolAbs?: ToleranceOption;
  seconds?: number;
  boxes: number;
  threads?: number;
  json?: boolean;
}

export function certifyCommand(): Command {
  return new Command('certify')
    .description(
      'prove a bound of |edge - reference| for every point of the input box; exit code 1 when it exceeds the tolerance',
    )
    .argument('<build>', 'folder that pinn-edge build wrote')
    .option('--check', `prove the bounds of its ${CERTIFICATE_FILE} again, without trusting who made it`)
    .option('--tol <relative>', "tolerance to hold it to (default: the build's)", toleranceOption)
    .option('--tol-abs <value>', "tolerance in the outputs' unit", absoluteToleranceOption)
    .option(
      '--seconds <n>',
      'stop after so many seconds, with what is proved by then (default: when it gets no tighter)',
      countOption('--seconds', 1, 1_000_000),
    )
    .option('--boxes <n>', 'most boxes', countOption('--boxes', 1, 10_000_000), DEFAULT_BOXES)
    .option('--threads <n>', 'worker threads (default: one per core)', countOption('--threads', 1, 256))
    .option('--json', 'print the bounds as JSON')
    .addHelpText(
      'after',
      `
Ctrl-C stops early, too: the certificate is then of what is proved so far.

Examples:
  $ pinn-edge certify build/esp32
  $ pinn-edge certify build/esp32 --seconds 60
  $ pinn-edge certify build/esp32 --check`,
    )
    .action(run);
}

async function run(directory: string, options: CertifyCommandOptions): Promise<void> {
  const requested = requestedTolerance(options);
  const file = join(directory, CERTIFICATE_FILE);
  const build = loadBuild(directory);
  const tolerance = requirementOf(build.model, requested ?? build.report.tolerance);
  if (options.check) {
    check(build, file, tolerance, options);
    return;
  }
  const claims = readClaims(directory);
  requireWritable(file);
  const { stop, stopped } = interruption(options.seconds);
  const started = performance.now();
  const subject = { model: build.model, table: build.runnable.table, claims, modelHash: build.report.modelHash };
  const certified = await certify(
    { ...subject, outputs: build.report.outputs },
    { boxes: options.boxes, threads: options.threads, stop, onProgress: options.json ? undefined : progress() },
  ).finally(stopped);
  writeFileWhole(file, `${JSON.stringify(certified.certificate)}\n`);
  const { certificate } = certified;
  const limit = limitsOf(build.report, tolerance);
  const isProved = certificate.outputs.every(({ bound }, k) => bound <= limit[k]);
  if (options.json) writeOut(`${JSON.stringify({ proved: isProved, ...summary(certificate) }, null, 2)}\n`);
  else writeOut(text(certified, limit, { tolerance, isProved, seconds: (performance.now() - started) / 1000, file }));
  if (!isProved) process.exitCode = EXIT.checkFailed;
}

function check(build: LoadedBuild, file: string, tolerance: Requirement, options: CertifyCommandOptions): void {
  const certificate = readCertificate(build.directory);
  const { model, runnable, report } = build;
  const fault = checkCertificate(
    { model, modelHash: modelHash(model), table: runnable.table },
    certificate,
    (boxes) => {
      if (!options.json && boxes % 500 === 0) writeNote(`  ${count(boxes)} of ${count(certificate.boxes)} boxes`);
    },
  );
  const limit = limitsOf(report, tolerance);
  const isProved = fault === undefined && certificate.outputs.every(({ bound }, k) => bound <= limit[k]);
  if (fault !== undefined || !isProved) process.exitCode = EXIT.checkFailed;
  if (options.json) {
    writeOut(
      `${JSON.stringify({ holds: fault === undefined, fault, proved: isProved, ...summary(certificate) }, null, 2)}\n`,
    );
    return;
  }
  if (fault !== undefined) {
    writeOut(`${file} is refused: ${fault}\n`);
    return;
  }
  const lines = certificate.outputs.map((output, k) => `  ${boundLine(output, limit[k])}\n`);
  writeOut(`${file} holds: ${count(certificate.boxes)} boxes cover the input box\n\n${lines.join('')}`);
}

function summary({ outputs, boxes, orders }: Certificate) {
  return { outputs, boxes, orders };
}

/**
 * Per output, the largest error that a tolerance allows, in the output's unit; a relative one is of the largest |reference|
 * that was found: there may be a larger one, which would allow more.
 */
export function limitsOf(report: Report, tolerance: Requirement): number[] {
  const largest = report.outputs.map(({ maxAbsolute, maxRelative }) =>
    maxRelative > 0 ? maxAbsolute / maxRelative : 0,
  );
  return report.outputs.map((output, k) => {
    const isRelative = 'relative' in toleranceOf(tolerance, output.name);
    return isRelative && largest[k] === 0 ? 0 : allowancesOf(tolerance, [output], [largest[k]])[0];
  });
}

/** A flag that the clock or Ctrl-C raises; a second Ctrl-C ends the process as ever. */
function interruption(seconds: number | undefined): { stop: () => boolean; stopped: () => void } {
  const before = process.listeners('SIGINT');
  process.removeAllListeners('SIGINT');
  const restore = () => {
    process.removeAllListeners('SIGINT');
    for (const listener of before) process.once('SIGINT', listener as () => void);
  };
  let isStopped = false;
  process.once('SIGINT', () => {
    isStopped = true;
    restore();
    writeNote('  stopping: the certificate will be of what is proved so far');
  });
  const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds;
  return { stop: () => isStopped || performance.now() >= until, stopped: restore };
}

/** At most a line every five seconds. */
function progress(): (progress: { boxes: number; bounds: number[] }) => void {
  let last = performance.now();
  return ({ boxes, bounds }) => {
    if (performance.now() - last < 5000) return;
    last = performance.now();
    const proved = bounds.map((bound) => (Number.isFinite(bound) ? bound.toExponential(2) : 'nothing')).join(', ');
    writeNote(`  ${count(boxes)} boxes, proved so far: ${proved}`);
  };
}

const ENDED = {
  tight: 'as tight as this proof gets',
  boxes: 'stopped at the limit of boxes',
  stopped: 'stopped early',
  stuck: 'not tighter near a jump',
  hopeless: 'out of reach',
};

function text(
  { certificate, search }: Certified,
  limit: readonly number[],
  done: { tolerance: Requirement; isProved: boolean; seconds: number; file: string },
): string {
  const { tolerance, isProved, seconds, file } = done;
  const names = certificate.inputs.map(({ name }) => name);
  const lines = [
    `${certificate.name}, every point of the input box, ${count(certificate.boxes)} boxes, ${seconds.toFixed(1)} s`,
    '',
  ];
  certificate.outputs.forEach((output, k) => {
    const { low, high } = output.worst;
    lines.push(
      `  ${boundLine(output, limit[k])}, largest near ${place(
        names,
        low.map((a, i) => (a + high[i]) / 2),
      )}`,
    );
    lines.push(`      of it ${shares(output)}`);
    if (output.shares.choice > output.bound / 8) {
      const rest = search.elsewhere[k].toExponential(2);
      lines.push(
        `      a condition decides there between values that differ: near that jump no bound can be small; elsewhere <= ${rest}`,
      );
    }
  });
  lines.push('', `  ${ENDED[search.ended]}; written to ${file}`);
  lines.push(`  ${isProved ? 'PROVED' : 'NOT PROVED'}: tolerance ${describeRequirement(tolerance)}`);
  return `${lines.join('\n')}\n`;
}

/** Such as `u <= 4.38e-3 m/s proved, 6.2 times the 7.1e-4 measured, 438 % of the tolerance`. */
export function boundLine({ name, unit, bound, observed }: CertifiedOutput, limit: number): string {
  const times = observed > 0 ? `, ${(bound / observed).toFixed(1)} times the ${error(observed)} measured` : '';
  const share = limit > 0 ? `, ${Math.ceil((100 * bound) / limit)} % of the tolerance` : '';
  return `${name} <= ${bound.toExponential(2)}${unit ? ` ${unit}` : ''} proved${times}${share}`;
}

const SHARE_NAMES: Record<string, string> = {
  network: 'weights and compression',
  inputs: 'rounding of inputs',
  rounding: 'rounding of values',
  tables: 'function tables',
  saturation: 'saturation',
  choice: 'conditions',
  method: 'this proof',
};

function shares({ shares: parts, bound }: CertifiedOutput): string {
  return Object.entries(SHARE_NAMES)
    .map(([key, name]) => ({ name, share: (100 * parts[key]) / bound }))
    .filter(({ share }) => share >= 0.05)
    .sort((p, q) => q.share - p.share)
    .map(({ name, share }) => `${name} ${share.toFixed(1)} %`)
    .join(', ');
}
