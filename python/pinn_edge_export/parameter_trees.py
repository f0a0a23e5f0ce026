"""Networks without their program: trees of parameters, as JAX keeps them."""

import re

from .errors import ExportError
from .model_file import Graph


def export_tree(params, path, inputs, outputs=None, activation="tanh", name=None, tolerance=None):
    """Writes a plain network from a tree of parameters (nested dicts): kernels [in, out] and biases in natural order.

    A kernel that is a pair (g, v) is a random weight factorisation, g * v. activation: of every layer but the last.
    Nothing can be checked against a program here: export_jax and export_flax are for networks that can be called.
    """
    graph = Graph(inputs)
    value = graph.inputs_value()
    layers = _layers(params)
    for i, (layer, kernel, bias) in enumerate(layers):
        rows = [list(column) for column in zip(*kernel)]
        value = graph.dense(value, rows, bias, layer)
        if i + 1 < len(layers) and activation != "none":
            value = graph.unary(activation, value)
    return graph.write(path, value, outputs, name, tolerance)


def _layers(params):
    """(name, kernel rows, bias) of every dense layer, layers in natural order of their paths."""
    found = {}

    def visit(tree, path):
        if not hasattr(tree, "items"):
            return
        keys = dict(tree.items())
        if "kernel" in keys:
            bias = keys.get("bias")
            found["/".join(path) or "dense"] = (_matrix(keys["kernel"]), None if bias is None else [float(v) for v in bias])
            return
        for key, inner in keys.items():
            visit(inner, [*path, str(key)])

    visit(params, [])
    if not found:
        raise ExportError("the tree holds no kernels")
    order = sorted(found, key=lambda path: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", path)])
    return [(path.removeprefix("params/"), *found[path]) for path in order]


def _matrix(kernel):
    if isinstance(kernel, (tuple, list)) and len(kernel) == 2 and getattr(kernel[0], "ndim", 0) == 1:
        g, v = kernel
        return [[float(x) * float(s) for x, s in zip(row, g)] for row in v]
    return [[float(x) for x in row] for row in kernel]
