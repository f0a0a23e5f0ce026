import type { State } from './chosen.js';
import { h } from './dom.js';
import { percent, short, withUnit } from './short-numbers.js';

/** What the module answers at the point, beside the float64 reference. */

const HEAD = ['output', 'module', 'its integer', 'float64 reference', 'difference', 'of the tolerance', 'status'];

export function answers(state: State): HTMLElement {
  const body = h('tbody');
  const show = () => body.replaceChildren(...rowsOf(state));
  state.onChange((change) => change === 'point' && show());
  show();
  const what =
    state.runtimes[0].build.report.engine === 'c' ? "the block table, by the kernels' oracle" : 'the module itself';
  const caption = `Answers of ${what} in this page`;
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      { id: 'answers' },
      h('caption', {}, caption),
      h('thead', {}, h('tr', {}, ...HEAD.map((name) => h('th', { scope: 'col' }, name)))),
      body,
    ),
  );
}

function rowsOf(state: State): HTMLElement[] {
  const { runtimes } = state;
  return runtimes.flatMap((runtime, r) => {
    const answer = runtime.run(Float64Array.from(state.point));
    // Outside of the box a device answers at its edge, and is judged there.
    const reference = runtime.reference(Float64Array.from(state.held()));
    return runtime.build.report.outputs.map(({ name, unit }, k) => {
      const difference = answer.values[k] - reference[k];
      const share = Math.abs(difference) / runtime.allowances[k];
      return h(
        'tr',
        {},
        h('th', { scope: 'row' }, runtimes.length > 1 ? `${name} (${'AB'[r]})` : name),
        h('td', {}, withUnit(short(answer.values[k], 6), unit)),
        h('td', { class: 'word' }, String(answer.words[k])),
        h('td', {}, withUnit(short(reference[k], 6), unit)),
        h('td', {}, withUnit(short(difference, 3), unit)),
        h('td', { class: share > 1 ? 'bad' : '' }, `${percent(share)}${share > 1 ? ', too much' : ''}`),
        h('td', {}, answer.statuses[0] === 0 ? 'fine' : 'held to the box'),
      );
    });
  });
}
