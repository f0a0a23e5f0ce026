import { PinnEdgeError } from '../../diagnostics.js';

/** What running a model's firmware on an emulated board showed. Bytes, and executed instructions. */
export interface BoardFigures {
  board: string;
  /** Points evaluated, over all runs. */
  points: number;
  /** What `instructions` and `openInstructions` count; nothing: executed instructions. */
  counts?: 'cycles';
  /** Instructions per point, on the average, without the emulator's files. */
  instructions: number;
  /** Instructions of pe_open: checking, translating and the first evaluation. */
  openInstructions: number;
  /** Flash: code, constants, the model, and the initial values of variables. */
  flashBytes: number;
  /** Linear memory of the module, in the arena. */
  memoryBytes: number;
  /** What wasm3 took from the arena besides. */
  heapBytes: number;
  /** Size of the arena, PINN_MODEL_ARENA_BYTES: all that wasm3 could take. */
  arenaBytes: number;
  /** wasm3's pages of translated code, part of heapBytes. */
  codeBytes: number;
  /** Variables besides the arena and the stack. */
  staticBytes: number;
  /** Native stack below the caller: of pe_open, and of evaluations. */
  openStackBytes: number;
  runStackBytes: number;
  /** The larger of both. */
  stackBytes: number;
  /** Buffers of the engine `c`, part of staticBytes; 0 for the others, whose buffers lie in linear memory. */
  bufferBytes: number;
  /** Variables, the arena and the stack. */
  ramBytes: number;
}

/** The figures that the firmware printed, a `name value` per line. */
export type Printed = ReadonlyMap<string, number>;

/** @throws PE8003 with what the firmware said when it did not come to its end */
export function parseConsole(board: string, text: string): Printed {
  const lines = text.split('\n').map((line) => line.trim());
  const figures = new Map<string, number>();
  for (const line of lines) {
    const match = /^([a-z_]+) (\d+)$/.exec(line);
    if (match) figures.set(match[1], Number(match[2]));
  }
  if (figures.get('end') === 0) return figures;
  const said = lines.find((line) => line.startsWith('FAIL ')) ?? lines.filter(Boolean).pop();
  throw new PinnEdgeError('PE8003', { board, reason: said ?? 'it said nothing' });
}

/** Adds a run to what earlier ones showed. */
export function addRun(board: string, printed: Printed, before?: BoardFigures): BoardFigures {
  const figure = (name: string): number => {
    const value = printed.get(name);
    if (value === undefined) throw new PinnEdgeError('PE8003', { board, reason: `it did not say its ${name}` });
    return value;
  };
  // The engine `c` has no interpreter to open, and nothing to give memory to.
  const isC = printed.has('buffer_bytes');
  const ofWasm3 = (name: string): number => (isC ? 0 : figure(name));
  const points = (before?.points ?? 0) + figure('points');
  const spent = (before ? before.instructions * before.points : 0) + figure('run_instructions');
  const openStackBytes = ofWasm3('open_stack_bytes');
  const runStackBytes = Math.max(before?.runStackBytes ?? 0, figure('run_stack_bytes'));
  const stackBytes = Math.max(openStackBytes, runStackBytes);
  return {
    board,
    points,
    instructions: points ? spent / points : 0,
    openInstructions: ofWasm3('open_instructions'),
    flashBytes: figure('flash_bytes'),
    memoryBytes: ofWasm3('memory_bytes'),
    heapBytes: ofWasm3('arena_used_bytes') - ofWasm3('memory_bytes'),
    arenaBytes: ofWasm3('arena_bytes'),
    bufferBytes: printed.get('buffer_bytes') ?? 0,
    codeBytes: ofWasm3('code_bytes'),
    staticBytes: figure('static_bytes'),
    openStackBytes,
    runStackBytes,
    stackBytes,
    ramBytes: figure('static_bytes') + ofWasm3('arena_bytes') + stackBytes,
  };
}
