import { floorTable } from './floors.js';
import type { KernelRow } from './kernels.js';
import { YARDSTICK } from './product.js';
import { RIVALS } from './rivals/rivals.js';
import { HOST, type Row } from './rows.js';
import { contenderTable, hostTable, instructionTable, kernelTable, memoryTable, summaryTable } from './tables.js';

/** What `npm run bench` prints, and docs/benchmarks.md around it. */

const MEMORY_BOARD = 'cortex-m4';
const NO_FPU_BOARD = 'cortex-m3';
const SUMMARY_RIVAL = 'float32 C';

/** Sections without the rows they need are left out. */
export function report(rows: readonly Row[], kernels: readonly KernelRow[]): string {
  const boards = [...new Set(rows.map((row) => row.board))].filter((board) => board !== HOST);
  const sections: string[] = [];
  if (rows.some((row) => row.board === MEMORY_BOARD && row.compressed)) {
    const table = summaryTable(rows, MEMORY_BOARD, SUMMARY_RIVAL);
    sections.push(`## All examples\n\n${SUMMARY_TEXT}\n\n${table}`);
  }
  const yardstick = rows.filter((row) => row.example === YARDSTICK);
  if (yardstick.some((row) => row.board === MEMORY_BOARD)) {
    sections.push(
      `## The yardstick: ${YARDSTICK}, a trained 2-64-64-64-1 tanh network of 8,577 parameters\n\n${contenderTable(yardstick, MEMORY_BOARD, NO_FPU_BOARD)}\n\n${floorTable(rows)}`,
    );
  }
  for (const example of new Set(rows.map((row) => row.example))) {
    const own = rows.filter((row) => row.example === example && row.board !== HOST);
    if (!own.length) continue;
    const memory = own.some((row) => row.board === MEMORY_BOARD) ? `\n\n${memoryTable(own, MEMORY_BOARD)}` : '';
    sections.push(`## ${example}\n\n${instructionTable(own, boards, MEMORY_BOARD)}${memory}`);
  }
  if (kernels.length) sections.push(`## Kernels\n\n${KERNELS_TEXT}\n\n${kernelTable(kernels)}`);
  if (rows.some((row) => row.board === HOST)) sections.push(`## On the host\n\n${HOST_TEXT}\n\n${hostTable(rows)}`);
  return `${sections.join('\n\n')}\n`;
}

const SUMMARY_TEXT = `What \`pinn-edge build --tol 1e-3\` makes of each, compressed for few bytes and built for speed, on a Cortex-M4F, beside the
whole network in plain float32 C. Other builds, boards and rivals follow.`;

const KERNELS_TEXT = `Instructions per multiply-accumulate of a dense layer, with rounding and storing its rows, and per element of a
function: the difference between two networks on the board, one of which has more of it.`;

const HOST_TEXT = `Microseconds of processor time per answer on the machine that ran the bench, the fastest of several rounds, side by side
in one run: compare their ratios. \`float64\` is the reference evaluator, \`v8\` runs the module of \`wasm3\`.`;

export function document(rows: readonly Row[], kernels: readonly KernelRow[]): string {
  const rivals = RIVALS.map(({ name, description }) => `- \`${name}\`: ${description}.`).join('\n');
  return `# Benchmarks

Written by \`npm run bench -- --fetch --write\`, or from the rows that \`--json\` printed (\`--rows\`). Compression has its own
page: [benchmarks-compress.md](benchmarks-compress.md).

Instructions are executed instructions per answer, counted by the emulator (QEMU, \`-icount shift=0\`): they are the same in
every run. Flash is what the model adds to a firmware: code, libraries, interpreter and weights; the console and the
start of the board are subtracted. RAM is everything: variables, heap and native stack. Start is the instructions until the
first answer is there: loading, checking, translating, and that answer. Error is the largest error over the input box
divided by the largest output; for pinn-edge it is the one that the build found by search, and every answer on every board
was compared with the fixed-point oracle bit by bit. \`built\` is the tolerance, whether the network was compressed (for few
bytes; \`build --for speed\` looks for what answers quickly, see [compression.md](compression.md)), and what formats and kernels
are for.

Compressed, \`${YARDSTICK}\` is a special case: the wave that it was trained on is one tanh of x - ct, and compression finds a
handful of neurons that follow it. The other examples show what compression does elsewhere.

Beside pinn-edge's engines, with the same weights and inputs in the same run, what a user would pick instead:

${rivals}

${NOT_MEASURED}

${report(rows, kernels)}`;
}

const NOT_MEASURED = `What is missing, and why:

- CMSIS-NN, and TensorFlow Lite for Microcontrollers with int16 or with CMSIS-NN: no package of npm, PyPI, crates.io or
  Debian was found that carries these sources. Looked into: \`cmsis-nn-rs\` (crates.io) clones a repository when it is built;
  \`tflite-micro\` and \`silabs-mltk\` (PyPI) hold libraries compiled for computers; \`aidge-export-arm-cortexm\`,
  \`deeploy-pulp\` and \`helia-aot\` (PyPI) hold code generators that expect CMSIS-NN elsewhere; \`tfmicro\` holds the
  adapters without the library. The crate's TensorFlow Lite is of 2020: later versions have faster int8 kernels.
- No rival on the LX106: its compiler package leaves floating-point arithmetic to the ROM of the ESP8266, which the
  emulated board does not have.`;
