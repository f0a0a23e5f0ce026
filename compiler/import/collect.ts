import type { Tensor } from '../model/types.js';
import { isHarmlessEntry } from './harmless.js';
import type { Layout } from './network-spec.js';
import { isNormalisation } from './normalisation.js';
import type { Said, TensorFile } from './tensor-file.js';
import { PyArray, PyTensor } from './torch/objects.js';

/** From the objects of a pickle to tensors by the path of keys that leads to them, joined by dots. */

const MAX_DEPTH = 32;
const MAX_OBJECTS = 1_000_000;
const MAX_SAID = 200;

/** Paddle's table from the names of a network's parts to those of its parameters. */
const PADDLE_NAMES = 'StructuredToParameterName@@';

/** Entries of a checkpoint that hold its weights: their names go on without this prefix. */
const WEIGHTS = new Set([
  'model_state_dict',
  'state_dict',
  'model_state',
  'net_state_dict',
  'model',
  'net',
  'params',
  'weights',
]);

/** Tensors, and what the file says beside them, of everything that is no state of the training. */
export function collectTensors(root: unknown): TensorFile {
  const collector = new Collector(hasMatrix(root));
  for (const [path, value] of entriesOfCheckpoint(root)) {
    if (path === PADDLE_NAMES) collector.paddle = true;
    else collector.visit(value, path, 0);
  }
  const { tensors, said, paddle } = collector;
  return { tensors, said, ...(paddle ? { layout: 'in,out' as Layout } : {}) };
}

/** The weights of a checkpoint under their own names, where one entry holds them; else everything. */
function entriesOfCheckpoint(root: unknown): [string, unknown][] {
  if (!(root instanceof Map)) return [['', root]];
  const entries = [...root].filter(([key, value]) => !isHarmlessEntry(String(key)) && !isGradientScaler(value));
  const weights = entries.filter(([key, value]) => WEIGHTS.has(String(key)) && value instanceof Map);
  if (weights.length !== 1) return entries.map(([key, value]) => [String(key), value]);
  const inner = weights[0][1] as Map<unknown, unknown>;
  const others = entries.filter(([key]) => key !== weights[0][0]);
  if (others.some(([key]) => inner.has(key))) return entries.map(([key, value]) => [String(key), value]);
  return [['', inner], ...others.map(([key, value]): [string, unknown] => [String(key), value])];
}

/** The state of mixed precision training. */
function isGradientScaler(value: unknown): boolean {
  return value instanceof Map && value.has('growth_factor');
}

/** True where Python lists of lists of numbers are the weights: then plain lists of numbers are biases. */
function hasMatrix(root: unknown): boolean {
  const seen = new Set<unknown>([root]);
  for (const value of seen) {
    if (!(Array.isArray(value) || value instanceof Map)) continue;
    if (Array.isArray(value) && (numbersOf(value)?.shape.length ?? 0) > 1) return true;
    for (const inner of value.values()) if (typeof inner === 'object' && inner !== null) seen.add(inner);
  }
  return false;
}

class Collector {
  readonly tensors = new Map<string, Tensor>();
  readonly said: Said[] = [];
  paddle = false;
  private readonly open = new Set<unknown>();
  private objects = 0;

  /** @param listsAreTensors whether every list of numbers is one */
  constructor(private readonly listsAreTensors: boolean) {}

  visit(value: unknown, path: string, depth: number): void {
    if (typeof value === 'number' && isNormalisation(path)) {
      this.tensors.set(path, { shape: [1], data: Float64Array.of(value) });
      return;
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      this.say(path, value);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof PyTensor) this.tensors.set(path, value.toTensor());
    else if (value instanceof PyArray) this.array(value, path, depth);
    else this.container(value, path, depth);
  }

  private say(path: string, value: Said['value']): void {
    if (this.said.length < MAX_SAID) this.said.push({ path, value });
  }

  private array(value: PyArray, path: string, depth: number): void {
    if (value.unread !== undefined) {
      if (/[US]\d+$/.test(value.unread)) return;
      throw new Error(`the array "${path}" has elements of type ${value.unread}; save it as float64 or float32`);
    }
    if (value.objects) this.container(value.objects, path, depth);
    else if (value.tensor) this.tensors.set(path, value.tensor);
  }

  private container(value: object, path: string, depth: number): void {
    // Shared parts are read wherever they stand; a part within itself is not.
    if (this.open.has(value)) return;
    if (depth > MAX_DEPTH || ++this.objects > MAX_OBJECTS) throw new Error('it is nested too deeply');
    const numbers = Array.isArray(value) ? numbersOf(value) : undefined;
    if (numbers && (this.listsAreTensors || isNormalisation(path) || isFractional(numbers, path))) {
      this.tensors.set(path, numbers);
      return;
    }
    if (numbers) {
      this.say(path, `${numbers.data.slice(0, 12).join(', ')}${numbers.data.length > 12 ? ', ...' : ''}`);
      return;
    }
    if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && value[1] instanceof PyArray) {
      // Paddle writes a tensor outside a state dict as the pair of its name and its numbers.
      this.paddle = true;
      this.array(value[1], path, depth);
      return;
    }
    const entries: Iterable<[unknown, unknown]> =
      value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
    this.open.add(value);
    for (const [key, inner] of entries) {
      if (key === PADDLE_NAMES) this.paddle = true;
      else if (typeof key === 'string' || typeof key === 'number')
        this.visit(inner, path ? `${path}.${key}` : String(key), depth + 1);
    }
    this.open.delete(value);
  }
}

/** Options are whole numbers, or stand among options; a bias or slope is neither. */
function isFractional({ data }: Tensor, path: string): boolean {
  return (
    !/(^|[._])(config|cfg|args|options|opts?|h?(yper_?)?params|settings)\./i.test(path) &&
    data.some((v) => !Number.isInteger(v))
  );
}

/** Python lists of numbers, or of equally long lists of numbers, as an array. */
function numbersOf(list: readonly unknown[]): Tensor | undefined {
  if (!list.length) return undefined;
  if (list.every((v) => typeof v === 'number'))
    return { shape: [list.length], data: Float64Array.from(list as number[]) };
  const rows = list.map((row) => (Array.isArray(row) && row.every((v) => typeof v === 'number') ? row : []));
  const [{ length }] = rows;
  if (length === 0 || rows.some((row) => row.length !== length)) return undefined;
  return { shape: [rows.length, length], data: Float64Array.from(rows.flat() as number[]) };
}
