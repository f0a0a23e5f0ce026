import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CModel, generateC } from '../../code/c.js';
import { rows, word } from '../../code/c-text.js';
import { namedHeader, prefixOf } from '../../code/names.js';
import { PACKAGE_ROOT } from '../../host/package-root.js';
import { describeRequirement } from '../../judge/requirement.js';
import { decodeTable } from '../../table/table.js';
import { BARE_METAL, toolchainFile } from './bare-metal.js';
import { FIT_FILES, FIT_JOB_FILES, readCommon, STEP_FILES } from './firmware-files.js';
import { fitHeader } from './fit-header.js';
import type { Golden } from './golden.js';
import type { Report } from './report.js';
import { reportedStates, stepHeader } from './step-header.js';
import type { Target } from './target.js';
import { fillIn, readTexts, templateFiles } from './templates.js';

/**
 * The C sources of a `c` build, one flat folder that is a component of ESP-IDF, a CMake library, or files to add to any
 * project: model.c, model.h, the kernels that the model needs, golden vectors, and an example.
 */
export function cFiles(report: Report, table: Uint8Array, golden: Golden, prefix?: string): Map<string, string> {
  const provenance = `pinn-edge ${report.pinnEdge}, model ${report.modelHash.slice(0, 16)}, target ${report.target}, tolerance ${describeRequirement(report.tolerance)}`;
  const files = cTableFiles({ ...report, provenance, prefix, onceRecords: report.parts?.once.records }, table, golden);
  if (report.fit) {
    files.set('fit.h', fitHeader(report, 'model.h', prefix));
    for (const [name, text] of readCommon(FIT_FILES)) files.set(name, text);
  }
  if (report.state) {
    files.set('step.h', stepHeader(report, reportedStates(report, decodeTable(table)), 'model.h', prefix));
    for (const [name, text] of readCommon(STEP_FILES)) files.set(name, text);
  }
  return files;
}

/** The same for a block table of which no more is known than this. */
export function cTableFiles(
  model: CModel,
  table: Uint8Array,
  golden: Pick<Golden, 'inputWords' | 'outputWords'>,
): Map<string, string> {
  const sources = generateC(model, decodeTable(table), table);
  const prefix = model.prefix ?? prefixOf(model.name);
  return new Map([
    ['model.c', sources['model.c']],
    ['model.h', sources['model.h']],
    ['golden.h', goldenHeader(golden, prefix)],
    ...fillIn(readTexts(join(PACKAGE_ROOT, 'targets', 'c')), { prefix }),
    ...includedFiles(sources['model.c']),
  ]);
}

/** What the bare-metal project does with a model: main.c of app-fit or app-step takes the place of that of app-c. */
export type CApplication = 'answers' | 'fit' | 'step';

/** The bare-metal project around these sources, for targets with a compiler; by path. `fit`, `step`: its application is one fit, or steps. */
export function cFirmwareFiles(
  target: Target,
  sources: ReadonlyMap<string, string>,
  application: CApplication = 'answers',
): Map<string, string> {
  const project = target.projects.find(({ name }) => name === BARE_METAL);
  if (!target.compiler || !project) return new Map();
  const folders = [project.template, ...(project.shared ?? [])].filter((folder) => folder !== APPLICATION);
  const template = new Map(
    [...folders, C_APPLICATION, ...(application === 'answers' ? [] : [`bare-metal/app-${application}`])].flatMap(
      (folder) => [...readTexts(join(PACKAGE_ROOT, 'targets', folder))],
    ),
  );
  for (const [path, text] of readTexts(join(PACKAGE_ROOT, 'targets', APPLICATION))) {
    if (SHARED_WITH_WASM3.includes(path)) template.set(path, text);
  }
  template.set('toolchain.cmake', toolchainFile(target, target.compiler));
  for (const [path, text] of sources)
    if (/\.[ch]$/.test(path) && path !== 'example.c') template.set(`model/${path}`, text);
  if (application === 'step') template.set('step_model.h', '#include "step.h"\n');
  if (application === 'fit') for (const [name, text] of readCommon(FIT_JOB_FILES)) template.set(`model/${name}`, text);
  return template;
}

/**
 * The other projects of a target that runs nothing but C sources, by `<project>/<file>`: their templates with the sources
 * where the library of other targets lies.
 */
export function cProjectFiles(target: Target, sources: ReadonlyMap<string, string>): Map<string, string> {
  const files = new Map<string, string>();
  if (target.wasm3) return files;
  for (const project of target.projects.filter(({ name }) => name !== BARE_METAL)) {
    for (const [path, text] of templateFiles(target, project)) files.set(`${project.name}/${path}`, text);
    for (const [path, text] of sources) {
      if (!/\.[ch]$/.test(path) || path === 'example.c') continue;
      const folder = path === 'golden.h' ? project.headerFolder : project.libraryFolder;
      files.set(`${project.name}/${folder}/${path}`, text);
    }
  }
  return files;
}

const APPLICATION = 'bare-metal/app';
const C_APPLICATION = 'bare-metal/app-c';
/** What both applications need of a board. */
const SHARED_WITH_WASM3: readonly string[] = [
  ...['board.h', 'figures.c', 'figures.h', 'open_model.h', 'points.h', 'stack.c', 'stack.h'],
];

/** The files of targets/common that C sources include, directly or not. */
function includedFiles(source: string, found = new Map<string, string>()): Map<string, string> {
  for (const [, name] of source.matchAll(/^#include "(pe_[a-z_.]+)"$/gm)) {
    if (found.has(name)) continue;
    const text = readFileSync(join(PACKAGE_ROOT, 'targets', 'common', name), 'utf8');
    found.set(name, text);
    includedFiles(text, found);
  }
  return found;
}

/** Known answers as constants. */
function goldenHeader({ inputWords, outputWords }: Pick<Golden, 'inputWords' | 'outputWords'>, prefix: string): string {
  const array = (name: string, points: readonly number[][]) =>
    `PE_FLASH static const int32_t pinn_model_golden_${name}[${points.length * points[0].length}] = {\n${rows(Int32Array.from(points.flat()), points[0].length, word)}\n};\n`;
  const head = `// Points with known answers, in words, row by row: every device gives exactly these integers.
// Generated by pinn-edge; do not edit. Include it in one source file only: it defines data.
`;
  const body = `#include <stdint.h>

#include "pe_flash.h"

#define PINN_MODEL_GOLDEN_COUNT ${inputWords.length}

${array('inputs', inputWords)}
${array('outputs', outputWords)}`;
  const names = ['pinn_model_golden_inputs', 'pinn_model_golden_outputs'];
  return namedHeader({ prefix, guard: 'GOLDEN_H', head, body, names });
}
