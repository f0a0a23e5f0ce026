import { FITS_AND_STEPS } from './sections.js';

/** The section of docs/benchmarks.md that `npm run bench:device` writes. */

const TEXT = `## ${FITS_AND_STEPS}

Written by \`npm run bench:device -- --write\`. Builds are of the engine \`c\` for speed: heat-rod compressed, with \`--fit alpha
--outputs T --tol T=1e-3,T_alpha=2e-2\`; battery-health and tank-step as they are, with the tolerances of their files. What is
measured is not the networks' answer: temperatures are of the exact solution at places and times that differ from trial to
trial, voltages of the series solution for 35 cells, with normal noise. Every bit of every fit and step on a board was the
host's. RAM is the memory that the caller gives and the native stack, evaluations included. Beside fits stands float32 C with
finite differences: Gauss-Newton with the float network as a user would write it (bench/rivals/harness/fit.c), which refuses
nothing and whose bits depend on the C library.`;

export function deviceSection(rows: string): string {
  return `${TEXT}\n\n${rows}\n`;
}
