import './page.css';
import { answers } from './answers.js';
import { State } from './chosen.js';
import { controls } from './controls.js';
import { curves } from './curves.js';
import { choice, h } from './dom.js';
import { heatMap } from './heat-map.js';
import { quantitiesOf } from './quantities.js';
import { checkGolden, type Runtime, startRuntime } from './runtime.js';
import { unpack } from './unpack.js';
import { facts, needs } from './where-it-went.js';

/** The page: unpacks the builds, checks their golden vectors, and shows what they answer. */

const main = document.getElementById('report')!;

async function start(): Promise<void> {
  const data = await unpack(document.getElementById('data')!.textContent ?? '');
  const runtimes: Runtime[] = [];
  for (const build of data.builds) runtimes.push(await startRuntime(build, data));
  const [{ build, model }] = runtimes;
  const title = runtimes.map((runtime, i) => (runtimes.length > 1 ? `${'AB'[i]}: ${runtime.title}` : runtime.title));
  const state = new State(runtimes, quantitiesOf(runtimes));
  const labels = state.quantities.map(({ label }) => label);
  const choose = (at: number) => {
    state.quantity = state.quantities[at];
    state.changed('quantity');
  };
  main.replaceChildren(
    h(
      'header',
      {},
      h('h1', {}, title.join(', ')),
      build.report.description ? h('p', {}, build.report.description) : '',
    ),
    h('div', { id: 'golden', role: 'status' }, ...runtimes.map(goldenLine)),
    ...(model.assumed?.length ? [h('p', {}, `Assumed: ${model.assumed.join(' ')}`)] : []),
    controls(state),
    answers(state),
    h('p', { class: 'choices' }, choice('Draw', labels, 0, choose)),
    ...(state.inputs.length > 1 ? [heatMap(state)] : []),
    curves(state),
    needs(runtimes),
    facts(runtimes),
    identity(runtimes),
  );
}

function goldenLine(runtime: Runtime): HTMLElement {
  const { right, of } = checkGolden(runtime);
  const isRight = right === of;
  const what = `${right} of ${of} golden vectors come out bit for bit`;
  return h(
    'p',
    { class: isRight ? 'good' : 'bad', role: isRight ? undefined : 'alert' },
    `${runtime.title}: ${what}${isRight ? '' : '. This is not the module that was built.'}`,
  );
}

function identity(runtimes: readonly Runtime[]): HTMLElement {
  const lines = runtimes.map(({ build: { report }, title }) =>
    h(
      'p',
      { class: 'identity' },
      `${title}: model ${report.modelHash}, block table ${report.identity.toString(16).padStart(8, '0')}, version ${report.version}, engine ${report.engine}, built by pinn-edge ${report.pinnEdge}`,
    ),
  );
  return h('footer', {}, ...lines);
}

start().catch((error: Error) => {
  main.replaceChildren(
    h(
      'p',
      { class: 'bad', role: 'alert', id: 'damaged' },
      `This report cannot be trusted: ${error.message}. Make it again with pinn-edge report.`,
    ),
  );
});
