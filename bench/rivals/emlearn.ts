import type { PerceptronLayer } from './perceptron.js';

/** The C file that emlearn's converter writes for a network (its `loadable` form), around its own headers. */
export function emlearnC(layers: readonly PerceptronLayer[]): string {
  const width = Math.max(...layers.flatMap(({ rows, cols }) => [rows, cols]));
  const floats = (values: Iterable<number>) =>
    Array.from(values, (value) => `${Math.fround(value)}f`.replace(/^(-?\d+)f$/, '$1.0f')).join(', ');
  const arrays = layers.map(({ rows, cols, weight, bias }, l) => {
    // emlearn's weights lie [inputs x outputs].
    const transposed = Float64Array.from(
      { length: rows * cols },
      (_, i) => weight[(i % rows) * cols + Math.floor(i / rows)],
    );
    return `static const float biases${l}[${rows}] = {${floats(bias)}};
static const float weights${l}[${rows * cols}] = {${floats(transposed)}};`;
  });
  const entries = layers.map(
    ({ rows, cols, tanh }, l) =>
      `  {${rows}, ${cols}, weights${l}, biases${l}, EmlNetActivation${tanh ? 'Tanh' : 'Identity'}},`,
  );
  return `#include <eml_net.h>

#include "rival.h"

${arrays.join('\n')}

static float buffer1[${width}], buffer2[${width}];
static const EmlNetLayer layers[${layers.length}] = {
${entries.join('\n')}
};
static EmlNet net = {${layers.length}, layers, buffer1, buffer2, ${width}};

int rival_open(void) { return 0; }

int rival_infer(const float *inputs, float *outputs) {
  return eml_net_regress(&net, inputs, RIVAL_INPUTS, outputs, RIVAL_OUTPUTS) == EmlOk ? 0 : 1;
}
`;
}
