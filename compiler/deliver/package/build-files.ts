import { libraryStackBytes, nativeStackBound } from '../../code/cost/native-stack.js';
import { createWasm3Engine } from '../../code/engines/create.js';
import { layersOf } from '../../compress/result/layers.js';
import { PinnEdgeError } from '../../diagnostics.js';
import type { FitOutputs } from '../../import/fit-tangents.js';
import { modelToJson } from '../../model/load.js';
import { writeSafetensors } from '../../model/safetensors.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';
import { disassemble } from '../../table/disassemble.js';
import { decodeTable } from '../../table/table.js';
import { buildImage } from './build-image.js';
import { cFiles, cFirmwareFiles, cProjectFiles } from './c-files.js';
import { type FurtherHeaders, firmwareFiles } from './firmware-files.js';
import { fitHeader } from './fit-header.js';
import { type Golden, goldenVectors } from './golden.js';
import { buildHeader } from './header.js';
import { quantizedBits } from './layer-report.js';
import { buildMemoryBytes } from './memory-needs.js';
import { onceHeader } from './once-header.js';
import { makeReport, type Report, type RunFigures } from './report.js';
import { reportedStates, stepHeader } from './step-header.js';
import { pictures } from './structure-svg.js';
import type { Target } from './target.js';
import { requireWasm3 } from './target-engine.js';

/**
 * Everything that a build writes, by path:
 *
 *     model.wasm         the module; for the engine `c` instead of it:
 *     c/                 model.c, model.h and the kernels they need
 *     model.img          the model, its module or block table, as an image for pinn-edge flash
 *     pinn_model.h       the same as a C array, with names, units, scales and golden vectors
 *     pinn_fit.h         with --fit, what pe_fit wants to know of it
 *     pinn_step.h        of a step model, what pe_step wants to know of it
 *     pinn_once.h        of a model in two parts under wasm3, what pe_once wants to know of it
 *     table.bin, .txt    the block table, and as text
 *     functions.json     per record of the table, the function that it stands for: claims, which certify proves
 *     golden.json        known answers
 *     report.json        what the build is, needs and reaches
 *     report.html        the module in a page, beside the float reference (report/); written by builds for a target
 *     target.json        the board that it was built for
 *     reference/         the float model, so that `verify` needs nothing else
 *     compressed/        the network that it was made from, where compression made a smaller one
 *     assembly/          the AssemblyScript that model.wasm was compiled from
 *     structure/         a picture of every matrix that is not dense
 *     firmware/          projects for the target's tools
 */

export interface PackagedBuild {
  files: Map<string, Uint8Array | string>;
  report: Report;
  golden: Golden;
}

/** What a package is beside the compiled model and the target. */
export interface PackageOptions {
  /** Version of the model in its image; a device refuses a lower one than it runs. Default 1. */
  version?: number;
  /** What its names in C begin with; default: made of the model's name. */
  prefix?: string;
  /** What fits need, where the model has their tangents. */
  fit?: FitOutputs;
}

/**
 * The build of a compiled model for a target, not yet written: its golden vectors are answers of the oracle, and what it
 * needs of heap and stack was measured by running the module once under wasm3.
 *
 * @throws PE4002 when it does not fit the target's flash, RAM or native stack; PE9203 for an engine that it has no room for
 */
export function packageBuild(compiled: CompiledModel, target: Target, options: PackageOptions = {}): PackagedBuild {
  if (options.fit) requireFits(target);
  const { model, wasm, table, lowered, sources } = compiled;
  const golden = goldenVectors(model, lowered.table);
  const memoryBytes = buildMemoryBytes(compiled);
  const isC = compiled.engine === 'c';
  const figures = isC ? NO_INTERPRETER : runOnce(compiled, target, golden, memoryBytes);
  const report = makeReport(compiled, target, figures, options.version ?? 1, options.fit);
  requireFit(report, target);
  const files = new Map<string, Uint8Array | string>([
    ['table.bin', table],
    ['table.txt', disassemble(decodeTable(table), lowered.recordNames)],
    ['functions.json', json(lowered.claims)],
    ['golden.json', json(golden)],
    ['report.json', json(report)],
    ['target.json', json(target)],
    ['reference/model.json', json(modelToJson(model, 'model.safetensors'))],
    ['reference/model.safetensors', writeSafetensors(model.tensors)],
  ]);
  const smaller = compiled.compressed?.model;
  if (smaller) {
    files.set('compressed/model.json', json(modelToJson(smaller, 'model.safetensors')));
    files.set('compressed/model.safetensors', writeSafetensors(smaller.tensors));
  }
  const payload = isC ? table : wasm;
  const header = buildHeader(report, payload, golden, options.prefix);
  files.set('model.img', buildImage(report, payload, golden)).set('pinn_model.h', header);
  const further: FurtherHeaders = {};
  if (report.fit) further.fit = fitHeader(report, 'pinn_model.h', options.prefix);
  if (report.state) {
    further.step = stepHeader(report, reportedStates(report, lowered.table), 'pinn_model.h', options.prefix);
  }
  if (report.parts && !isC) further.once = onceHeader(report, options.prefix);
  for (const [kind, text] of Object.entries(further)) files.set(`pinn_${kind}.h`, text);
  if (isC) addCFiles(files, target, cFiles(report, table, golden, options.prefix));
  else files.set('model.wasm', wasm);
  for (const [path, text] of firmwareFiles(target, header, compiled.engine, further))
    files.set(`firmware/${path}`, text);
  for (const [path, text] of structurePictures(compiled)) files.set(`structure/${path}`, text);
  for (const [path, text] of sources) files.set(`assembly/${path}`, text);
  return { files, report, golden };
}

function structurePictures(compiled: CompiledModel): [string, string][] {
  const bits = quantizedBits(compiled);
  return pictures(layersOf(compiled.graph, (part) => bits.get(part)!).map(({ structure }) => structure));
}

type Files = Map<string, Uint8Array | string>;

function addCFiles(files: Files, target: Target, sources: ReadonlyMap<string, string>): void {
  for (const [path, text] of sources) files.set(`c/${path}`, text);
  for (const [path, text] of cFirmwareFiles(target, sources)) files.set(`firmware/bare-metal/${path}`, text);
  for (const [path, text] of cProjectFiles(target, sources)) files.set(`firmware/${path}`, text);
  if (!sources.has('fit.h') || !hasDoubles(target)) return;
  for (const [path, text] of cFirmwareFiles(target, sources, 'fit')) files.set(`firmware/bare-metal-fit/${path}`, text);
}

/**
 * Whether fits run on the emulated board. Of the LX106, doubles are in the ROM of the chip and not in the compiler's
 * library; where doubles have 32 bits, fits would not be those of the host.
 */
export function hasDoubles({ isa, doubleBits }: Target): boolean {
  return isa !== 'xtensa-lx106' && doubleBits !== 32;
}

function requireFits({ name, doubleBits }: Target): void {
  if (doubleBits !== 32) return;
  const reason = `fits take doubles of 64 bits, and those of ${name} have 32; fit on the host, or build for another target`;
  throw new PinnEdgeError('PE3005', { option: '--fit', reason });
}

/** The engine `c` has neither module nor interpreter; its native stack is what the boards measure. */
const NO_INTERPRETER: RunFigures = {
  memoryBytes: 0,
  wasm3HeapBytes: 0,
  wasm3StackBytes: 0,
  nativeStackBytes: 0,
  nestedOperations: 0,
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * From what wasm3 took of its heap on this 64-bit host, besides its stack for values, to what it takes on a 32-bit chip.
 * Translated code is pointers and constants: on the emulated boards it takes 0.43 to 0.6 of the bytes. Its tables have parts that
 * do not shrink: 0.77 to 0.78.
 */
const HOST_TO_CHIP = { code: 0.6, tables: 0.8 };

/** Of a module that is little but its entry, wasm3's tables without pointers are a good part: they do not shrink. */
const SMALL_MODULE_BYTES = 1024;

/** Runs the golden vectors under wasm3 as on the target: equal integers or a bug, and what it took. */
function runOnce(compiled: CompiledModel, target: Target, golden: Golden, memoryBytes: number): RunFigures {
  requireWasm3(target, compiled.engine);
  const engine = createWasm3Engine({
    wasm: compiled.wasm,
    table: compiled.table,
    memoryBytes,
    inputCount: compiled.model.inputs.length,
    outputCount: compiled.model.outputs.length,
    wasm3: { stackBytes: target.wasm3.stackBytes, tailCalls: target.tailCalls },
  });
  const runGolden = () => {
    try {
      return engine.run(Int32Array.from(golden.inputWords.flat()));
    } catch (error) {
      if (!(error instanceof PinnEdgeError) || error.code !== 'PE6010') throw error;
      const values = { model: compiled.model.name, target: target.name, bytes: target.wasm3.stackBytes };
      throw new PinnEdgeError('PE9202', values);
    }
  };
  try {
    const { outputs } = runGolden();
    const wanted = golden.outputWords.flat();
    const at = outputs.findIndex((word, i) => word !== wanted[i]);
    if (at >= 0)
      throw new Error(`wasm3 and the oracle disagree on output word ${at}: ${outputs[at]}, not ${wanted[at]}`);
    const usage = engine.usage();
    const { stackBytes, codePageBytes } = target.wasm3;
    const isChip = target.isa !== 'native';
    const scale = isChip ? HOST_TO_CHIP : { code: 1, tables: 1 };
    const bound = nativeStackBound(compiled.wasm, target);
    return {
      memoryBytes,
      // Pages of translated code are as large there as here: only their number shrinks.
      wasm3HeapBytes:
        stackBytes +
        Math.ceil((usage.peakHeapBytes - stackBytes - usage.codePageBytes) * scale.tables) +
        (isChip && compiled.engine === 'wasm3+native' ? SMALL_MODULE_BYTES : 0) +
        Math.ceil((usage.codePageBytes * scale.code) / codePageBytes) * codePageBytes,
      wasm3StackBytes: stackBytes,
      nativeStackBytes: bound.bytes,
      nestedOperations: bound.operations,
    };
  } finally {
    engine.dispose();
  }
}

/** What is needed, how much, how much of it weights and tables take, and what is there; in bytes. */
type Need = [what: string, need: number, ofModel: number, have: number];

function requireFit(report: Report, target: Target): void {
  const { modelBytes, ramBytes, nativeStackBytes } = report;
  const model = Math.max(report.wasmBytes, modelBytes);
  const constants = target.constantsInRam ? model : 0;
  const needs: Need[] = [
    ['the model in flash', model, modelBytes, target.flashBytes],
    [
      constants ? 'RAM, the model included,' : 'RAM',
      ramBytes + constants,
      constants ? 2 * modelBytes : modelBytes,
      target.ramBytes,
    ],
    ['RAM in one piece', ramBytes, modelBytes, target.ramBlockBytes],
    // The engine c has no bound of it: the boards measure it.
    ...(nativeStackBytes ? [['the native stack', nativeStackBytes, 0, libraryStackBytes(target)] as Need] : []),
  ];
  for (const [what, need, ofModel, have] of needs) {
    if (need <= have) continue;
    const values = { model: report.name, target: target.name, what, need, have, excess: need - have };
    throw new PinnEdgeError('PE4002', { ...values, advice: adviceFor(report, ofModel, have - (need - ofModel)) });
  }
}

const NO_ROOM = 'no model fits: choose a larger target';

/** What would fit, from the bytes that weights and tables take and those that are left for them. */
function adviceFor({ parameters, engine }: Report, ofModel: number, room: number): string {
  if (ofModel === 0) return 'a target.json of your own can give its task more (nativeStackBytes)';
  if (room <= 0) return engine === 'c' ? NO_ROOM : `${NO_ROOM}, or --engine c, which needs no interpreter`;
  return `about ${Math.floor((parameters * room) / ofModel)} of its ${parameters} parameters would fit at this tolerance, or a looser --tol`;
}
