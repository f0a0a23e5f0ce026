import { FRAME } from './axes.js';
import { h } from './dom.js';

/** A drawing as SVG or PNG, its numbers as CSV; all made in the page. */

/** Pixels per unit of the drawing. */
const SCALE = 2;

/** What the page's style gives a drawing, taken along. */
const TAKEN = ['fill', 'stroke', 'stroke-width', 'stroke-opacity', 'font-family', 'font-size', 'paint-order'];

export function downloadButtons(
  name: string,
  drawn: () => SVGSVGElement | undefined,
  csv: () => string | undefined,
): HTMLElement {
  const button = (kind: string, act: () => void) =>
    h('button', { type: 'button', onclick: act, 'aria-label': `Download ${name} as ${kind}` }, kind);
  return h(
    'p',
    { class: 'buttons downloads' },
    button('SVG', () => withDrawing(drawn, (text) => save(`${name}.svg`, new Blob([text], { type: 'image/svg+xml' })))),
    button('PNG', () => withDrawing(drawn, (text) => void savePng(`${name}.png`, text))),
    button('CSV', () => {
      const text = csv();
      if (text) save(`${name}.csv`, new Blob([text], { type: 'text/csv' }));
    }),
  );
}

function withDrawing(drawn: () => SVGSVGElement | undefined, use: (text: string) => void): void {
  const element = drawn();
  if (element) use(standalone(element));
}

function standalone(element: SVGSVGElement): string {
  const copy = element.cloneNode(true) as SVGSVGElement;
  const originals = [element, ...element.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((node, i) => {
    const style = getComputedStyle(originals[i]);
    for (const property of TAKEN) node.setAttribute(property, style.getPropertyValue(property));
  });
  copy.setAttribute('width', String(FRAME.width));
  copy.setAttribute('height', String(FRAME.height));
  const paper = document.createElementNS(copy.namespaceURI!, 'rect');
  for (const [property, value] of Object.entries({
    width: '100%',
    height: '100%',
    fill: getComputedStyle(document.body).backgroundColor,
  })) {
    paper.setAttribute(property, value);
  }
  copy.prepend(paper);
  return new XMLSerializer().serializeToString(copy);
}

async function savePng(file: string, text: string): Promise<void> {
  const image = new Image(FRAME.width * SCALE, FRAME.height * SCALE);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = h('canvas', { width: FRAME.width * SCALE, height: FRAME.height * SCALE });
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => blob && save(file, blob), 'image/png');
}

function save(file: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
