// Where the numbers of a step lie in memory, and the bits behind their points.
import { INITIAL, PAIRS, WIDTH } from './constants';

export const PATHS: i32 = 1 + 2 * PAIRS;
const ROWS: i32 = 4 * PATHS;
export const ACROSS: i32 = WIDTH / 4;

// Parameters in their order: first matrix, its biases, second, its biases, output row, its bias.
export const FIRST: i32 = 0;
export const FIRST_BIAS: i32 = 2 * WIDTH;
export const SECOND: i32 = 3 * WIDTH;
export const SECOND_BIAS: i32 = SECOND + WIDTH * WIDTH;
export const OUTPUT: i32 = SECOND_BIAS + WIDTH;
export const OUTPUT_BIAS: i32 = OUTPUT + WIDTH;
export const COUNT: i32 = OUTPUT_BIAS + 1;

export const STORED: usize = INITIAL;
export const MEANS: usize = memory.data(4 * COUNT, 8);
export const LARGEST: usize = memory.data(4 * COUNT, 8);
export const SUMS: usize = memory.data(8 * COUNT, 8);
export const WEIGHTS: usize = memory.data(COUNT, 8);
/** Exponents of the blocks of the three matrices. */
export const WEIGHT_EXPONENTS: usize = memory.data(ACROSS + ACROSS * ACROSS + ACROSS, 8);
export const SECOND_EXPONENTS: usize = WEIGHT_EXPONENTS + ACROSS;
export const OUTPUT_EXPONENTS: usize = SECOND_EXPONENTS + ACROSS * ACROSS;
export const ANGLES_1: usize = memory.data(4 * ROWS * WIDTH, 8);
export const ANGLES_2: usize = memory.data(4 * ROWS * WIDTH, 8);
export const VALUES_1: usize = memory.data(ROWS * WIDTH, 8);
export const VALUES_2: usize = memory.data(ROWS * WIDTH, 8);
export const EXPONENTS_1: usize = memory.data(PATHS * ACROSS, 8);
export const EXPONENTS_2: usize = memory.data(PATHS * ACROSS, 8);
export const BACK: usize = memory.data(4 * ROWS * WIDTH, 8);
export const G: usize = memory.data(2 * ROWS * WIDTH, 8);
export const G_EXPONENTS: usize = memory.data(PATHS * ACROSS, 8);
export const OUTPUTS: usize = memory.data(4 * ROWS, 8);
/** Gradients by the outputs, 64 bits, and in blocks of 4 x 1. */
export const BY_OUTPUT: usize = memory.data(8 * ROWS, 8);
export const G_OUTPUT: usize = memory.data(2 * ROWS, 8);
export const G_OUTPUT_EXPONENTS: usize = memory.data(PATHS, 8);
/** x and y of four points, 14 bits; what conditions know of them, 27 bits. */
export const POINTS: usize = memory.data(32, 8);
export const KNOWN: usize = memory.data(16, 8);
/** Two words from the group of a step that is over: sums of squares (i64, 24 bits). */
export const SQUARES: usize = memory.data(16, 8);
export const WORDS: usize = memory.data(24, 8);

/** Bits behind the point of sums of products, and of sums of gradients of the first layer and of the others. */
export const SUM_BITS: i32 = 35;
export const BACK_BITS: i32 = 39;
export const GRADIENT_BITS: i32 = 40;
export const FIRST_GRADIENT_BITS: i32 = 42;
export const BIAS_GRADIENT_BITS: i32 = 22;
export const LOWEST_WEIGHT: i32 = -17;
export const LOWEST_VALUE: i32 = -18;
export const LOWEST_GRADIENT: i32 = -22;
export const MOST: i64 = 0x7fffffff;
