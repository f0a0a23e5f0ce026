import { Reader } from './reader.js';

interface FunctionType {
  params: number;
  results: number;
}

/** What the translation reads of a module. */
export interface Module {
  types: FunctionType[];
  /** Type index of each function. */
  functions: number[];
  exports: Map<string, number>;
  bodies: Reader[];
  /** Functions that are imported; they come first in `functions` and have no body. */
  imports: number;
}

/** Reads a module that passed the checks of mvp.ts: nothing is checked again. */
export function parseModule(wasm: Uint8Array): Module {
  const module: Module = { types: [], functions: [], exports: new Map(), bodies: [], imports: 0 };
  const reader = new Reader(wasm, 8, wasm.length);
  const each = (section: Reader, visit: () => void) => {
    for (let n = section.leb(); n > 0; n--) visit();
  };
  const count = (section: Reader) => {
    const n = section.leb();
    section.skip(n);
    return n;
  };
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.sub(reader.leb());
    if (id === 1) {
      each(section, () => {
        section.byte();
        module.types.push({ params: count(section), results: count(section) });
      });
    } else if (id === 2) {
      each(section, () => {
        section.skip(section.leb());
        section.skip(section.leb());
        section.byte();
        module.functions.push(section.leb());
        module.imports++;
      });
    } else if (id === 3) each(section, () => module.functions.push(section.leb()));
    else if (id === 7) {
      each(section, () => {
        const name = Array.from({ length: section.leb() }, () => String.fromCharCode(section.byte())).join('');
        const kind = section.byte();
        const index = section.leb();
        if (kind === 0) module.exports.set(name, index);
      });
    } else if (id === 10) each(section, () => module.bodies.push(section.sub(section.leb())));
  }
  return module;
}
