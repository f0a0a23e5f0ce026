import * as F from './format.gen';

/** Holds every input word to its range; STATUS_CLAMPED when one had to be moved. */
export function clampInputs(table: usize, arena: usize): u32 {
  let status = F.STATUS_OK;
  const end = arena + ((load<u16>(table, F.HEADER_INPUT_COUNT) as usize) << 2);
  let entry = table + F.HEADER_BYTES;
  for (let word = arena; word < end; word += 4) {
    status |= clampInput(word, load<i32>(entry, F.INPUT_MIN), load<i32>(entry, F.INPUT_MAX));
    entry += F.INPUT_BYTES;
  }
  return status;
}

/** Holds an input word to its range; STATUS_CLAMPED when it had to be moved, else STATUS_OK, which is 0. */
// @ts-ignore: decorator
@inline
export function clampInput(word: usize, min: i32, max: i32): u32 {
  const value = load<i32>(word);
  if (value >= min && value <= max) return F.STATUS_OK;
  store<i32>(word, value < min ? min : max);
  return F.STATUS_CLAMPED;
}
