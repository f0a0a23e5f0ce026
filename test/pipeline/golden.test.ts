import { expect, it } from 'vitest';
import { generateSources } from '../../compiler/code/entry.js';
import { describeSteps } from '../../compiler/ir/map-function.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { operands } from '../../compiler/ir/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { disassemble } from '../../compiler/table/disassemble.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** Text forms of every stage of one small model with a hard boundary condition; `vitest -u` regenerates them. */

function graphText(graph: IrGraph): string {
  const index = new Map(graph.nodes.map((node, i) => [node, i]));
  const lines = graph.nodes.map((node, i) => {
    const inputs = operands(node)
      .map((input) => `%${index.get(input)}`)
      .join(', ');
    const detail = node.kind === 'map' ? ` ${describeSteps(node.fn)}` : '';
    return `%${i} = ${node.kind}[${node.width}](${inputs})${detail}  ; ${node.name}`;
  });
  return `${lines.join('\n')}\n`;
}

it('the text forms of the stages have not changed', async () => {
  const json = perceptron([2, 4, 1], 'sin') as { nodes: unknown[]; outputs: unknown[] };
  json.nodes.push(
    { name: 'square', op: 'pow', inputs: ['x0'], exponent: 2 },
    { name: 'wall', op: 'scale', inputs: ['square'], scale: [-1], shift: [1] },
    { name: 'u', op: 'mul', inputs: ['wall', 'z2'] },
  );
  json.outputs = [{ name: 'u', value: 'u' }];
  const compiled = await compile(modelFrom(json), { tolerance: 1e-3 });
  const { lowered, graph, table } = compiled;
  await expect(graphText(graph)).toMatchFileSnapshot('../golden/wall.ir.txt');
  await expect(disassemble(lowered.table, lowered.recordNames)).toMatchFileSnapshot('../golden/wall.table.txt');
  const { entry, dispatch } = generateSources(lowered.table, table, 'wall');
  await expect(entry).toMatchFileSnapshot('../golden/wall.entry.txt');
  await expect(dispatch).toMatchFileSnapshot('../golden/wall.dispatch.txt');
});
