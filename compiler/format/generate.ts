import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../package-root.js';
import {
  CHECK,
  FLAG,
  FORMAT,
  FORMAT_VERSION,
  HEADER,
  INPUT,
  KIND,
  LIMIT,
  layoutOf,
  MAGIC,
  OUTPUT,
  RECORD,
  STATUS,
} from './spec.js';

/** Writes the constants of the block table for AssemblyScript and C (`--check`: compares instead, exit code 1). */

const NOTE = 'Generated from compiler/format/spec.ts by `npm run format:generate`; do not edit.';

const STRUCTS = { HEADER, INPUT, OUTPUT, RECORD };
const GROUPS = { KIND, FORMAT, FLAG, LIMIT, CHECK, STATUS };

/** Every constant as [NAME, value]. */
function constants(): [string, number][] {
  const list: [string, number][] = [
    ['MAGIC', MAGIC],
    ['FORMAT_VERSION', FORMAT_VERSION],
  ];
  for (const [struct, fields] of Object.entries(STRUCTS)) {
    const layout = layoutOf(fields);
    list.push([`${struct}_BYTES`, layout.bytes]);
    for (const [name, offset] of Object.entries(layout.offsets)) list.push([`${struct}_${snake(name)}`, offset]);
  }
  for (const [group, entries] of Object.entries(GROUPS)) {
    for (const [name, value] of Object.entries(entries)) list.push([`${group}_${name}`, value]);
  }
  return list;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase();
}

function assemblyScript(): string {
  const lines = constants().map(([name, value]) => `export const ${name}: u32 = 0x${value.toString(16)};`);
  return `// ${NOTE}\n${lines.join('\n')}\n`;
}

function c(): string {
  const lines = constants().map(([name, value]) => `#define PE_${name} 0x${value.toString(16)}u`);
  const structs = Object.entries(STRUCTS).map(([struct, fields]) => {
    const ctypes = { u8: 'uint8_t', u16: 'uint16_t', u32: 'uint32_t', i32: 'int32_t' };
    const members = fields.map((f) => `  ${ctypes[f.type]} ${snake(f.name).toLowerCase()}; /* ${f.doc} */`);
    const type = `pe_${struct.toLowerCase()}_t`;
    const size = `typedef char ${type}_has_its_size[sizeof(${type}) == PE_${struct}_BYTES ? 1 : -1];`;
    return `typedef struct {\n${members.join('\n')}\n} ${type};\n${size}`;
  });
  return [
    `/* ${NOTE} */`,
    '#ifndef PE_FORMAT_GEN_H',
    '#define PE_FORMAT_GEN_H',
    '#include <stdint.h>',
    '',
    ...lines,
    '',
    structs.join('\n\n'),
    '',
    '#endif',
    '',
  ].join('\n');
}

const FILES: [string, () => string][] = [
  ['runtime/format.gen.ts', assemblyScript],
  ['targets/common/pe_format.gen.h', c],
];

/** Paths of generated files that differ from the specification; none are written. */
export function driftedFiles(): string[] {
  return FILES.filter(([path, text]) => {
    try {
      return readFileSync(join(PACKAGE_ROOT, path), 'utf8') !== text();
    } catch {
      return true;
    }
  }).map(([path]) => path);
}

export function writeGeneratedFiles(): void {
  for (const [path, text] of FILES) writeFileSync(join(PACKAGE_ROOT, path), text());
}

if (process.argv[1]?.endsWith('generate.js')) {
  if (process.argv.includes('--check')) {
    const drifted = driftedFiles();
    if (drifted.length) {
      process.stderr.write(`out of date: ${drifted.join(', ')}; run npm run format:generate\n`);
      process.exitCode = 1;
    }
  } else {
    writeGeneratedFiles();
  }
}
