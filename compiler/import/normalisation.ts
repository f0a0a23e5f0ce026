/** Names under which networks keep the bounds or moments that their inputs or outputs are normalised with. */

const WHOSE = '(x|y|z|t|u|v|p|in(put)?s?|out(put)?s?|coords?|data)';
const WHAT =
  '(mean|std|mu|sigma|var|variance|min|max|scale|shift|offset|low(er)?|high(er)?|lower_?bounds?|upper_?bounds?)';
const NAME = new RegExp(`(^|[._])(lb|ub|bounds?|(${WHOSE}_?)?${WHAT}(_?${WHOSE})?)$`, 'i');

/** True for `lb`, `ub`, `x_mean`, `std_in`, `scaler.scale` and the like. */
export function isNormalisation(name: string): boolean {
  return NAME.test(name);
}
