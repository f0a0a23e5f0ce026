import { indexMacros } from './c-text.js';

/**
 * C of a model in two parts (compiler/table/lower/parts.ts): what inputs that stay the same for many points decide is computed by one
 * function, the rest by another, with the integers of an answer in one go.
 */

type PartInput = { name: string; once?: boolean };

/** Inputs first .. first + count - 1, which are given together. */
interface Stretch {
  first: number;
  count: number;
}

/** The inputs of a part, in the model's order, as stretches of neighbours. */
function stretches(inputs: readonly PartInput[], once: boolean): Stretch[] {
  const found: Stretch[] = [];
  inputs.forEach((input, i) => {
    if ((input.once === true) !== once) return;
    const last = found.at(-1);
    if (last && last.first + last.count === i) last.count++;
    else found.push({ first: i, count: 1 });
  });
  return found;
}

/** What stands in the header behind the functions of all models. */
export function partsHeader(inputs: readonly PartInput[], prefix: string): string {
  const of = (once: boolean) => inputs.filter((input) => (input.once === true) === once);
  return `
// Some inputs stay the same for many points: once takes them and computes what they decide alone, each computes the rest for
// a point and gives its outputs, as often as one likes. Both together are one evaluation, with the same integers; both use
// the model's own arena, and any other evaluation in it takes the place of what once computed.
#define ${prefix}_ONCE_COUNT ${of(true).length}
#define ${prefix}_EACH_COUNT ${of(false).length}

// Places in the arrays of inputs of either, by name.
${indexMacros('ONCE', of(true))}
${indexMacros('EACH', of(false))}

// PE_MODEL_OK, PE_MODEL_CLAMPED or PE_MODEL_NAN, each for the inputs that are given to it.
int pe_once(const double *inputs);
int pe_each(const double *inputs, double *outputs);

// The same for words.
int pe_once_words(const int32_t *inputs);
int pe_each_words(const int32_t *inputs, int32_t *outputs);
`;
}

/** The two functions that the calls of the kernels are in, and what replaces them; and the functions of the header. */
export function partsSource(
  inputs: readonly PartInput[],
  calls: readonly string[],
  onceRecords: number,
  prefix: string,
): { functions: string; calls: string; ends: string } {
  const functions = `
static void run_once(void *arena) {
${calls.slice(0, onceRecords).join('\n')}
}

static void run_each(void *arena) {
${calls.slice(onceRecords).join('\n')}
}
`;
  const once = part(stretches(inputs, true));
  const each = part(stretches(inputs, false));
  const ends = `
int pe_once_words(const int32_t *inputs) {
  int32_t *const arena = (int32_t *)own_arena;
${once.words}
  run_once(arena);
  return (int)status;
}

int pe_each_words(const int32_t *inputs, int32_t *outputs) {
  int32_t *const arena = (int32_t *)own_arena;
${each.words}
  run_each(arena);
  memcpy(outputs, arena + ${prefix}_INPUT_COUNT, ${prefix}_OUTPUT_COUNT * sizeof(int32_t));
  return (int)status;
}

// Inputs first .. first + count - 1 as words; nothing of them where one is not a number.
static int part_to_words(int first, int count, const double *values, int32_t *words) {
  int status = PE_MODEL_OK;
  for (int i = 0; i < count; i++) {
    if (!(values[i] <= 0.0) && !(values[i] >= 0.0)) return PE_MODEL_NAN;
  }
  for (int i = 0; i < count; i++) {
    double step;
    pe_flash_copy(&step, &input_steps[first + i], sizeof step);
    if (pe_nearest_word(values[i] * step, &words[i]) != 0) status = PE_MODEL_CLAMPED;
  }
  return status;
}

int pe_once(const double *inputs) {
  int32_t words[${prefix}_ONCE_COUNT];
  int given = PE_MODEL_OK;
${once.values}
  const int status = pe_once_words(words);
  return status == PE_MODEL_OK ? given : status;
}

int pe_each(const double *inputs, double *outputs) {
  int32_t words[${prefix}_EACH_COUNT];
  int32_t out[${prefix}_OUTPUT_COUNT];
  int given = PE_MODEL_OK;
${each.values}
  const int status = pe_each_words(words, out);
  pe_from_words(out, outputs);
  return status == PE_MODEL_OK ? given : status;
}
`;
  return { functions, calls: '  run_once(arena);\n  run_each(arena);', ends };
}

/** Puts the words of a part in their places and holds them to their ranges; turns its values into words. */
function part(of: readonly Stretch[]): { words: string; values: string } {
  let at = 0;
  const words = ['  uint32_t status = 0;'];
  const values: string[] = [];
  for (const { first, count } of of) {
    const [arena, ranges, inputs, result] = [
      place('arena', first),
      place('ranges', first),
      place('inputs', at),
      place('words', at),
    ];
    words.push(`  memcpy(${arena}, ${inputs}, ${count} * sizeof(int32_t));`);
    words.push(`  status |= pe_hold_inputs(${ranges}, ${count}, ${arena});`);
    const set = `part_to_words(${first}, ${count}, ${inputs}, ${result})`;
    values.push(`  {\n    const int result = ${set};\n    if (result < 0) return result;\n    given |= result;\n  }`);
    at += count;
  }
  return { words: words.join('\n'), values: values.join('\n') };
}

function place(array: string, index: number): string {
  return index ? `${array} + ${index}` : array;
}
