import type { State } from './chosen.js';
import { h } from './dom.js';
import { short, withUnit } from './short-numbers.js';

/** A slider and a number field per input, and buttons that lead to the worst points. */

const STEPS = 1000;

export function controls(state: State): HTMLElement {
  const rows = state.inputs.map(({ name, unit = '', min, max, description }, i) => {
    const id = `input-${i}`;
    const note = h('span', { class: 'outside', id: `${id}-note` });
    const slider = h('input', {
      type: 'range',
      id,
      min: 0,
      max: STEPS,
      step: 1,
      'aria-describedby': `${id}-note`,
      oninput: () => move(min + ((max - min) * Number(slider.value)) / STEPS),
    });
    const field = h('input', {
      type: 'number',
      step: 'any',
      'aria-label': `${name} as a number${unit ? ` in ${unit}` : ''}`,
      'aria-describedby': `${id}-note`,
      oninput: () => {
        if (field.value !== '' && Number.isFinite(field.valueAsNumber)) move(field.valueAsNumber);
      },
    });
    const move = (value: number) => {
      state.point[i] = value;
      state.changed('point', i);
    };
    const show = () => {
      const value = state.point[i];
      slider.value = String(Math.round(((value - min) / (max - min)) * STEPS));
      slider.setAttribute('aria-valuetext', withUnit(short(value), unit));
      // Not while it is being typed into.
      if (document.activeElement !== field) field.value = String(Number(value.toPrecision(7)));
      const edge = value < min ? min : value > max ? max : undefined;
      note.textContent = edge === undefined ? '' : `outside; the module answers at the edge, ${name} = ${short(edge)}`;
    };
    state.onChange((change) => change === 'point' && show());
    show();
    return h(
      'div',
      { class: 'control' },
      h('label', { for: id }, description ? `${name}: ${description}` : name),
      slider,
      field,
      h('span', { class: 'range' }, withUnit(`${short(min)} to ${short(max)}`, unit)),
      note,
    );
  });
  return h('section', { 'aria-labelledby': 'try' }, h('h2', { id: 'try' }, 'Try it'), ...rows, worstButtons(state));
}

function worstButtons(state: State): HTMLElement {
  const buttons = state.runtimes.flatMap(({ build }, r) =>
    build.report.outputs.map(({ name, worstAt }) =>
      h(
        'button',
        { type: 'button', onclick: () => state.moveTo(worstAt) },
        `Worst point of ${name}${state.runtimes.length > 1 ? ` in ${'AB'[r]}` : ''}`,
      ),
    ),
  );
  const middle = state.inputs.map(({ min, max }) => min + (max - min) / 2);
  return h(
    'p',
    { class: 'buttons' },
    ...buttons,
    h('button', { type: 'button', onclick: () => state.moveTo(middle) }, 'Middle of the box'),
  );
}
