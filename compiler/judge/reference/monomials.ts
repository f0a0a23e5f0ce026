/** Monomials of several variables up to a total degree, and products of polynomials truncated there. */
export interface Monomials {
  /** Exponents of the variables, by degree: those up to a lower degree come first. */
  readonly exponents: readonly (readonly number[])[];
  /** How many have at most this degree. */
  readonly counts: readonly number[];
  /** Every pair whose product is within the degree, and that product. */
  readonly products: readonly (readonly [number, number, number])[];
  indexOf(exponents: readonly number[]): number;
}

export function monomials(variables: number, degree: number): Monomials {
  const exponents: number[][] = [];
  const counts: number[] = [];
  const extend = (head: readonly number[], left: number) => {
    if (head.length === variables) {
      if (left === 0) exponents.push([...head]);
      return;
    }
    for (let e = left; e >= 0; e--) extend([...head, e], left - e);
  };
  for (let d = 0; d <= degree; d++) {
    extend([], d);
    counts.push(exponents.length);
  }
  const index = new Map(exponents.map((e, i) => [e.join(), i]));
  const products = exponents.flatMap((a, i) =>
    exponents.flatMap((b, j): [number, number, number][] => {
      const k = index.get(a.map((e, v) => e + b[v]).join());
      return k === undefined ? [] : [[i, j, k]];
    }),
  );
  return { exponents, counts, products, indexOf: (e) => index.get(e.join()) ?? -1 };
}
