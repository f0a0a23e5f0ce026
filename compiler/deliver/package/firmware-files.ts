import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildEngine } from '../../code/engines/build-engine.js';
import { PACKAGE_ROOT } from '../../host/package-root.js';
import { BARE_METAL, BARE_METAL_UPDATE, toolchainFile } from './bare-metal.js';
import type { Target, TargetProject } from './target.js';
import { requireWasm3 } from './target-engine.js';
import { templateFiles } from './templates.js';
import { wasm3Files } from './wasm3.js';

/** The firmware library, in targets/common: evaluation, and model images, slots and the update agent. */
export const LIBRARY_FILES = [
  ...['pinn_edge.c', 'pinn_edge.h', 'pe_values.h', 'pe_crc32.c', 'pe_crc32.h', 'pe_format.gen.h', 'pe_native.h'],
  ...['pe_image.c', 'pe_image.h', 'pe_image.gen.h', 'pe_signature.c', 'pe_signature.h', 'pe_update_text.c'],
  ...[
    'pe_slots.c',
    'pe_slots.h',
    'pe_runner.c',
    'pe_runner.h',
    'pe_agent.c',
    'pe_agent.h',
    'pe_replaceable.h',
    'pe_agent.gen.h',
  ],
] as const;

/** The check of modules. */
export const VALIDATE_SOURCES = [
  ...['pe_check_read.c', 'pe_check_sections.c', 'pe_check_code.c', 'pe_check_stack.c', 'pe_validate.c'],
] as const;

/** What models in modules need besides: wasm3 and the check before it. */
export const MODULE_FILES = [
  ...['pe_module.c', 'pe_module.h', 'pe_module.gen.h', 'pe_arena.c', 'pe_arena.h', 'pe_steps.h'],
  ...[...VALIDATE_SOURCES, 'pe_validate.h', 'pe_check.h', 'pe_frames.gen.h', 'pe_tail_calls.h'],
  ...['pe_wasm3.c', 'pe_wasm3.h', 'pe_wasm3_names.h'],
] as const;

/** What block tables need besides: their check and the kernels in C. */
export const TABLE_FILES = [
  ...['pe_table_engine.c', 'pe_table.c', 'pe_table.h', 'pe_kernels.c', 'pe_kernels.h', 'pe_flash.h'],
  ...['pe_kernels_block.h', 'pe_kernels_choose.h', 'pe_kernels_combine.h', 'pe_kernels_dense.h', 'pe_kernels_dsp.h'],
  ...['pe_kernels_dual.h', 'pe_kernels_fixed.h', 'pe_kernels_map.h', 'pe_kernels_scale.h', 'pe_kernels_spline.h'],
] as const;

/** What modules that import the kernels need besides both. */
const NATIVE_FILES = ['pe_native.c', 'pe_native_engine.c'] as const;

/** What fits and filters of models with tangents need besides. */
export const FIT_FILES = [
  ...['pe_fit.c', 'pe_fit.h', 'pe_fit_algebra.h', 'pe_fit_observe.c', 'pe_fit_observe.h'],
  ...['pe_fit_condition.c', 'pe_fit_condition.h', 'pe_filter.c'],
] as const;

/** What the example of a fit needs besides. */
export const FIT_JOB_FILES = ['pe_fit_job.c', 'pe_fit_job.h'] as const;

/** What steps of step models need besides. */
export const STEP_FILES = ['pe_step.c', 'pe_step.h', 'pe_words.h'] as const;

/** What models in two parts need besides. */
export const ONCE_FILES = ['pe_once.c', 'pe_once.h'] as const;

/** Headers of what a model can do besides answer: the texts of pinn_fit.h, pinn_step.h and pinn_once.h. */
export interface FurtherHeaders {
  fit?: string;
  step?: string;
  once?: string;
}

const FILES_OF: Record<BuildEngine, readonly string[]> = {
  wasm3: [...LIBRARY_FILES, ...MODULE_FILES],
  'wasm3+native': [...LIBRARY_FILES, ...MODULE_FILES, ...TABLE_FILES, ...NATIVE_FILES],
  c: [...LIBRARY_FILES, ...TABLE_FILES],
};

/**
 * The firmware projects of a target around one model, by path: `<project>/<file>`. Each is its templates' files, the
 * firmware library, wasm3 where the project's tool does not fetch it, the model's header, and for a bare-metal project
 * `toolchain.cmake` with the compiler's flags; only the header differs from model to model. Of the engine `c`, whose
 * other project is around its C sources (c-files.ts), this is the one with the update agent, or where the target has none
 * the library by itself; nothing where the target runs C sources alone, as the library has no room there.
 *
 * @param further of a model with tangents or with a state
 * @throws PE9203 for an engine that the target has no room for
 */
export function firmwareFiles(
  target: Target,
  header: string,
  engine: BuildEngine = 'wasm3',
  { fit, step, once }: FurtherHeaders = {},
): Map<string, string> {
  const files = new Map<string, string>();
  const isC = engine === 'c';
  if (!isC) requireWasm3(target, engine);
  const further = [
    ...(fit === undefined ? [] : FIT_FILES),
    ...(step === undefined ? [] : STEP_FILES),
    ...(once === undefined ? [] : ONCE_FILES),
  ];
  const library = readCommon([...FILES_OF[engine], ...further]);
  for (const project of target.projects.filter(({ name }) => !isC || name === BARE_METAL_UPDATE)) {
    const template = templateFiles(target, project);
    if (target.compiler && project.name.startsWith(BARE_METAL))
      template.set('toolchain.cmake', toolchainFile(target, target.compiler));
    const wasm3 = project.wasm3Folder && !isC ? wasm3Files() : new Map<string, string>();
    for (const [path, text] of projectFiles(project, template, library, wasm3, header)) {
      files.set(`${project.name}/${path}`, text);
    }
    for (const [kind, text] of Object.entries({ fit, step, once })) {
      if (text !== undefined) files.set(`${project.name}/${project.headerFolder}/pinn_${kind}.h`, text);
    }
  }
  if (isC && files.size === 0 && target.wasm3) for (const [name, text] of library) files.set(`pinn_edge/${name}`, text);
  return files;
}

/** Puts one project together; pure. */
function projectFiles(
  project: TargetProject,
  template: ReadonlyMap<string, string>,
  library: ReadonlyMap<string, string>,
  wasm3: ReadonlyMap<string, string>,
  header: string,
): Map<string, string> {
  const files = new Map(template);
  for (const [name, text] of library) files.set(`${project.libraryFolder}/${name}`, text);
  for (const [name, text] of wasm3) files.set(`${project.wasm3Folder}/${name}`, text);
  return files.set(`${project.headerFolder}/pinn_model.h`, header);
}

/** Files of the firmware library. */
export function readCommon(names: readonly string[]): Map<string, string> {
  const folder = join(PACKAGE_ROOT, 'targets', 'common');
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
