/** Elements made in one expression: tag, attributes, children. Handlers are properties that begin with `on`. */

type Child = Node | string | undefined;
type Attributes = Record<string, string | number | boolean | ((event: never) => void) | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as (event: Event) => void);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A table with a caption; the first column names the rows. Numbers are set to the right. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
): HTMLElement {
  const cell = (content: string | Node, column: number) =>
    column === 0 ? h('th', { scope: 'row' }, content) : h('td', {}, content);
  return h(
    'div',
    // What may be scrolled must be reached by the keyboard.
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', {}, caption),
      h('thead', {}, h('tr', {}, ...head.map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map(cell)))),
    ),
  );
}

/** A labelled choice; `chosen` is called with the index. */
export function choice(
  label: string,
  options: readonly string[],
  at: number,
  chosen: (at: number) => void,
): HTMLElement {
  const select = h(
    'select',
    { onchange: () => chosen(select.selectedIndex) },
    ...options.map((option, i) => h('option', { selected: i === at }, option)),
  );
  return h('label', { class: 'choice' }, label, select);
}
