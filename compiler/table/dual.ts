/**
 * The layout of DENSE_DUAL's int16 weights: pairs of rows, cut into blocks of 4 columns; the last of an odd number of
 * rows follows alone. Columns are filled up with zeros to a multiple of 4.
 *
 *     rows 0, 1   | w00 w01 w02 w03 | w10 w11 w12 w13 | w04 w05 w06 w07 | w14 ...
 *     ...
 *     last row    | w0 w1 w2 w3 | w4 ...
 */

/** Columns of a block; inputs are read up to a multiple of them. */
export const DUAL_COLUMNS = 4;

/** Place of weight [row, col] for `cols` columns, a multiple of 4. */
function dualIndex(rows: number, cols: number, row: number, col: number): number {
  const block = Math.floor(col / DUAL_COLUMNS);
  const within = col % DUAL_COLUMNS;
  const isPaired = row < rows - (rows % 2);
  if (!isPaired) return row * cols + col;
  return (row - (row % 2)) * cols + (2 * block + (row % 2)) * DUAL_COLUMNS + within;
}

/** Weights in DENSE_DUAL's order, from row-major [rows x cols] with any number of columns. */
export function dualLayout(weights: ArrayLike<number>, rows: number, cols: number): Int16Array {
  const padded = Math.ceil(cols / DUAL_COLUMNS) * DUAL_COLUMNS;
  const laidOut = new Int16Array(rows * padded);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) laidOut[dualIndex(rows, padded, r, c)] = weights[r * cols + c];
  }
  return laidOut;
}

/** Row-major weights from DENSE_DUAL's order. */
export function dualRowMajor(weights: ArrayLike<number>, rows: number, cols: number): Int32Array {
  return Int32Array.from({ length: rows * cols }, (_, i) => {
    return weights[dualIndex(rows, cols, Math.floor(i / cols), i % cols)];
  });
}

/** Sum of |w| of a group whose products, each with any int16, add up within an int32. */
const MAX_GROUP_SUM = 65535;

/** Whether the products of every `group` neighbouring columns of every row fit an int32, whatever the inputs. */
export function dualGroupFits(weight: (index: number) => number, rows: number, cols: number, group: number): boolean {
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) {
      if (c % group === 0) sum = 0;
      sum += Math.abs(weight(dualIndex(rows, cols, r, c)));
      if (sum > MAX_GROUP_SUM) return false;
    }
  }
  return true;
}
