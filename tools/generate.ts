import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONSTANT_EXPORTS, EXPORTS, MODULE, REQUIRED_EXPORTS, TABLE_ADDRESS } from '../compiler/code/asc/limits.js';
import { FRAME_CLASSES, type Frames } from '../compiler/code/asc/translate.js';
import * as stack from '../compiler/code/cost/native-stack.js';
import * as device from '../compiler/deliver/device/protocol.js';
import * as image from '../compiler/deliver/image/image-format.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import {
  AXIS,
  CHECK,
  FLAG,
  FORMAT,
  FORMAT_VERSION,
  HEADER,
  INPUT,
  KIND,
  LIMIT,
  MAGIC,
  OUTPUT,
  RECORD,
  STATUS,
} from '../compiler/table/specification.js';
import { type Field, type IntegerType, type Layout, layoutOf } from '../compiler/table/struct.js';

/** Writes the constants of the specifications for AssemblyScript and C (`--check`: compares instead, exit code 1). */

type Layouts = Record<string, Layout>;
type Groups = Record<string, Record<string, number>>;

const note = (source: string) => `Generated from ${source} by \`npm run format:generate\`; do not edit.`;
const TABLE_NOTE = note('compiler/table/specification.ts');

const TABLE_STRUCTS: Record<string, readonly Field<IntegerType>[]> = { HEADER, INPUT, OUTPUT, RECORD, AXIS };
const TABLE_GROUPS: Groups = { KIND, FORMAT, FLAG, LIMIT, CHECK, STATUS };

/** Every constant as [NAME, value]. */
function constants(first: [string, number][], layouts: Layouts, groups: Groups): [string, number][] {
  const list = [...first];
  for (const [struct, layout] of Object.entries(layouts)) {
    list.push([`${struct}_BYTES`, layout.bytes]);
    for (const [name, offset] of Object.entries(layout.offsets)) list.push([`${struct}_${snake(name)}`, offset]);
  }
  for (const [group, entries] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(entries)) list.push([`${group}_${snake(name)}`, value]);
  }
  return list;
}

/** Names that are in upper case already stay as they are. */
function snake(name: string): string {
  return name === name.toUpperCase() ? name : name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase();
}

function tableConstants(): [string, number][] {
  return constants(
    [
      ['MAGIC', MAGIC],
      ['FORMAT_VERSION', FORMAT_VERSION],
    ],
    Object.fromEntries(Object.entries(TABLE_STRUCTS).map(([name, fields]) => [name, layoutOf(fields)])),
    TABLE_GROUPS,
  );
}

function assemblyScript(): string {
  const lines = tableConstants().map(([name, value]) => `export const ${name}: u32 = 0x${value.toString(16)};`);
  return `// ${TABLE_NOTE}\n${lines.join('\n')}\n`;
}

function tableHeader(): string {
  const structs = Object.entries(TABLE_STRUCTS).map(([struct, fields]) => {
    const ctypes = { u8: 'uint8_t', u16: 'uint16_t', u32: 'uint32_t', i32: 'int32_t' };
    const members = fields.map((f) => `  ${ctypes[f.type]} ${snake(f.name).toLowerCase()}; /* ${f.doc} */`);
    const type = `pe_${struct.toLowerCase()}_t`;
    const size = `typedef char ${type}_has_its_size[sizeof(${type}) == PE_${struct}_BYTES ? 1 : -1];`;
    return `typedef struct {\n${members.join('\n')}\n} ${type};\n${size}`;
  });
  return cHeader('PE_FORMAT_GEN_H', TABLE_NOTE, tableConstants(), structs.join('\n\n'));
}

function cHeader(guard: string, text: string, list: [string, number][], rest?: string): string {
  return [
    `/* ${text} */`,
    `#ifndef ${guard}`,
    `#define ${guard}`,
    '#include <stdint.h>',
    '',
    ...list.map(([name, value]) => `#define PE_${name} 0x${value.toString(16)}u`),
    '',
    ...(rest ? [rest, ''] : []),
    '#endif',
    '',
  ].join('\n');
}

function imageHeader(): string {
  const list = constants(
    [
      ['IMAGE_MAGIC', image.IMAGE_MAGIC],
      ['IMAGE_FORMAT_VERSION', image.IMAGE_FORMAT_VERSION],
      ['SIGNATURE_BYTES', image.SIGNATURE_BYTES],
      ['PUBLIC_KEY_BYTES', image.PUBLIC_KEY_BYTES],
      ['DIGEST_BYTES', image.DIGEST_BYTES],
    ],
    {
      IMAGE_HEADER: layoutOf(image.IMAGE_HEADER),
      IMAGE_INPUT: layoutOf(image.IMAGE_INPUT),
      IMAGE_OUTPUT: layoutOf(image.IMAGE_OUTPUT),
    },
    { PAYLOAD: image.PAYLOAD, IMAGE_FLAG: image.IMAGE_FLAG, IMAGE_LIMIT: image.IMAGE_LIMIT },
  );
  const results = Object.entries(image.UPDATE).map(
    ([name, { value, text }]) => `  PE_UPDATE_${name} = ${value}, /* ${text} */`,
  );
  const type = `typedef enum {\n${results.join('\n').replace(/,( \/\*[^\n]*)$/, '$1')}\n} pe_update_result_t;`;
  const texts = Object.values(image.UPDATE).map(({ text }) => `  "${text}"`);
  const macro = `/* Texts of the results, in order. */\n#define PE_UPDATE_TEXTS \\\n${texts.join(', \\\n')}`;
  return cHeader('PE_IMAGE_GEN_H', note('compiler/deliver/image/image-format.ts'), list, `${type}\n\n${macro}`);
}

function agentHeader(): string {
  const { COMMAND, BEGIN_FLAG, DEVICE_FLAG, SLOT, DEVICE } = device;
  const fields: Field[] = DEVICE.map((name) => ({ name, type: 'u32', doc: '' }));
  const list = constants(
    [
      ['PROTOCOL_VERSION', device.PROTOCOL_VERSION],
      ['BODY_BYTES', device.BODY_BYTES],
      ['PACKET_OVERHEAD', device.PACKET_OVERHEAD],
      ['ANSWER', device.ANSWER],
      ['PERMIT_MAGIC', device.PERMIT_MAGIC],
    ],
    { DEVICE: layoutOf(fields) },
    { COMMAND, BEGIN_FLAG, DEVICE_FLAG, SLOT },
  );
  return cHeader('PE_AGENT_GEN_H', note('compiler/deliver/device/protocol.ts'), list);
}

function moduleHeader(): string {
  const numbers: [string, number][] = [
    ['MODULE_EXPORT_COUNT', EXPORTS.length],
    ['MODULE_REQUIRED_EXPORT_COUNT', REQUIRED_EXPORTS.length],
    ['MODULE_EXPORT_INPUT', EXPORTS.indexOf('input')],
    ['MODULE_CONSTANT_EXPORT_COUNT', CONSTANT_EXPORTS.length],
    ['MODULE_EXPORT_RUN', EXPORTS.indexOf('run')],
    ['MODULE_EXPORT_EVALUATE', EXPORTS.indexOf('evaluate')],
    ['MODULE_TABLE_ADDRESS', TABLE_ADDRESS],
  ];
  const list = constants(numbers, {}, { MODULE });
  // Each name ends in a zero, the list in another one.
  const names = `#define PE_MODULE_EXPORTS "${EXPORTS.join('\\0')}\\0"`;
  return cHeader('PE_MODULE_GEN_H', note('compiler/code/asc/limits.ts'), list, names);
}

function framesHeader(): string {
  const list: [string, number][] = [
    ...FRAME_CLASSES.map((kind, i): [string, number] => [`FRAME_${kind.toUpperCase()}`, i]),
    ['FRAME_UNIT_BYTES', stack.FRAME_UNIT_BYTES],
    ['RUN_STACK_BYTES', stack.RUN_STACK_BYTES],
    ['OPEN_STACK_BYTES', stack.OPEN_STACK_BYTES],
    ['VALIDATE_STACK_BYTES', stack.VALIDATE_STACK_BYTES],
    ['IMPORT_STACK_BYTES', stack.IMPORT_STACK_BYTES],
  ];
  const { isas, largest, tailCalls, tailCalls64 } = stack.allFrames();
  const tables = Object.entries({ ...isas, largest, 'tail-calls': tailCalls, 'tail-calls-64': tailCalls64 }).map(
    ([name, frames]: [string, Frames]) => {
      const units = FRAME_CLASSES.map((kind) => `${Math.ceil(frames[kind] / stack.FRAME_UNIT_BYTES)}u`);
      return `#define PE_FRAMES_${name.replaceAll('-', '_').toUpperCase()} {${units.join(', ')}}`;
    },
  );
  return cHeader('PE_FRAMES_GEN_H', note('compiler/code/cost/frames.json'), list, tables.join('\n'));
}

const FILES: [string, () => string][] = [
  ['runtime/format.gen.ts', assemblyScript],
  ['targets/common/pe_format.gen.h', tableHeader],
  ['targets/common/pe_module.gen.h', moduleHeader],
  ['targets/common/pe_frames.gen.h', framesHeader],
  ['targets/common/pe_image.gen.h', imageHeader],
  ['targets/common/pe_agent.gen.h', agentHeader],
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

function writeGeneratedFiles(): void {
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
