import { PinnEdgeError } from '../diagnostics.js';

/**
 * The names of a model's C sources. The text is written with `pinn_model` and `PINN_MODEL`; what a model is called
 * takes their place, so that several models fit one program, and the names without it stay for programs of one model.
 */

/** Taken by the firmware library and by the names for programs of one model. */
const TAKEN = /^(pe|pinn_(model|edge))(_|$)/;
const VALID = /^[a-z][a-z0-9_]*$/;
const LONGEST = 40;

/** @throws PE3090 for a name that is no prefix of C names */
export function requirePrefix(name: string): string {
  if (VALID.test(name) && name.length <= LONGEST && !TAKEN.test(name)) return name;
  throw new PinnEdgeError('PE3090', { name });
}

/** What a model of that name is called in C: lower case, of letters, digits and underscores. */
export function prefixOf(modelName: string): string {
  const plain = modelName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, LONGEST - 'model_'.length);
  return VALID.test(plain) && !TAKEN.test(plain) ? plain : `model_${plain}`.replace(/_+$/, '');
}

/** Strings, which stay as they are; functions of model.c, where `pe_` is the firmware library's; and the model's names. */
const NAMES =
  /"(?:[^"\\\n]|\\.)*"|\bpe_(eval|eval_float|run_words|run_words_in|to_words|from_words|once|each|once_words|each_words)\b|\b(PINN_MODEL_|pinn_model_?)/g;

/** The text with the model's own names. */
export function withPrefix(text: string, prefix: string): string {
  return text.replace(NAMES, (found, ofModel?: string, name?: string) => {
    if (ofModel) return `${prefix}_${ofModel}`;
    if (name === 'PINN_MODEL_') return `${prefix.toUpperCase()}_`;
    return name ? `${prefix}${name === 'pinn_model' ? '_model' : '_'}` : found;
  });
}

/** The parts of a header: the comment at its head, and what it includes and defines, with the identity when it is known. */
export interface NamedHeader {
  prefix: string;
  /** Of its include guard: PINN_MODEL_<guard>. */
  guard: 'H' | 'GOLDEN_H' | 'FIT_H' | 'STEP_H' | 'ONCE_H';
  /** The model's identity as C; two models of one name in one file are refused by it. */
  identity?: string;
  head: string;
  body: string;
  /** What it defines besides macros: names that begin with pinn_model. */
  names: readonly string[];
}

/** The text of a header with the model's own names, and below it the plain ones for programs of one model. */
export function namedHeader({ prefix, guard, identity, head, body, names }: NamedHeader): string {
  const macros = [...body.matchAll(/^ *#define (PINN_MODEL_\w+)/gm)].map(([, name]) => name);
  const isIndex = (name: string) =>
    /^PINN_MODEL_(IN|OUT)PUT_/.test(name) && !/^PINN_MODEL_(IN|OUT)PUT_COUNT$/.test(name);
  const fixed = [...names, ...macros.filter((name) => !isIndex(name))];
  // A place is defined by a number of its own model: where that is gone, the place does not compile either.
  const places = macros
    .filter(isIndex)
    .map(
      (name) => `#define ${name} (${withPrefix(name, prefix)} + 0 * ${/^PINN_MODEL_(IN|OUT)PUT_/.exec(name)![0]}COUNT)`,
    );
  const clash = identity
    ? `#elif ${withPrefix('PINN_MODEL_IDENTITY', prefix)} != ${identity}
#error "two models are called ${prefix}: build one of them with --name <another name>"
`
    : '';
  const own = `${prefix.toUpperCase()}_${guard}`;
  return `${withPrefix(head, prefix)}#ifndef ${own}
#define ${own}

${withPrefix(body, prefix)}
${clash}#endif

// The same without the model's name, for programs of one model. Where the headers of two models meet, these are gone.
#ifndef PINN_MODEL_${guard}
#define PINN_MODEL_${guard} ${own}_ONLY
#define ${own}_ONLY
${fixed.map((name) => `#define ${name} ${withPrefix(name, prefix)}`).join('\n')}
${places.join('\n')}
#elif !defined(${own}_ONLY)
${fixed.map((name) => `#undef ${name}`).join('\n')}
#endif
`;
}
