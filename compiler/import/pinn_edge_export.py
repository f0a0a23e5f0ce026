"""Writes `pinn-edge/1` models from DeepXDE, PyTorch and JAX/Flax. Needs nothing beyond the framework at hand.

    from pinn_edge_export import export_deepxde, export_torch, export_tree

    export_deepxde(model, "model.json")                                   # ranges from the geometry, transforms included
    export_torch(net, "model.json", inputs=[("x", -1, 1, "m"), ("t", 0, 1, "s")], outputs=["u"])
    export_tree(params, "model.json", inputs=[("x", -1, 1)], outputs=["u"], activation="tanh")

The model file is JSON with its weights in a `.safetensors` file beside it; build it with `pinn-edge build model.json`.
PyTorch modules are traced with torch.fx: `forward` may hold any Python whose path does not depend on the data. The batch
is the first axis of every input and output; every point must be answered by itself.
"""

import json
import math
import operator
import os
import re
import struct

__all__ = ["export_deepxde", "export_torch", "export_tree", "ExportError"]


class ExportError(Exception):
    """Something in the network that a `pinn-edge/1` model cannot hold; the message names it."""


def export_torch(module, path, inputs, outputs=None, name=None, tolerance=None):
    """Writes `module`, a torch.nn.Module that reads one tensor [n, k] (or k tensors [n, 1]).

    inputs: one (name, min, max) or (name, min, max, unit) per column. outputs: names, or (name, unit), in order.
    Returns the model as it was written.
    """
    import torch

    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            graph, value = _TorchTracer(torch, module, inputs).run()
    finally:
        module.train(was_training)
    return graph.write(path, value, outputs, name, tolerance)


def export_deepxde(model, path, inputs=None, outputs=None, name=None, tolerance=None):
    """Writes a deepxde.Model (PyTorch backend) with its input and output transforms.

    inputs: as for export_torch; default: x, y, z and t with the ranges of the model's geometry.
    """
    import deepxde

    backend = deepxde.backend.backend_name
    if backend != "pytorch":
        raise ExportError(f"the DeepXDE backend is {backend}; export_deepxde reads pytorch, run with DDE_BACKEND=pytorch")
    if inputs is None:
        inputs = _geometry_inputs(model.data.geom)
    return export_torch(model.net, path, inputs, outputs, name, tolerance)


def export_tree(params, path, inputs, outputs=None, activation="tanh", name=None, tolerance=None):
    """Writes a plain network from a tree of parameters (nested dicts): kernels [in, out] and biases in natural order.

    A kernel that is a pair (g, v) is a random weight factorisation, g * v. activation: of every layer but the last.
    """
    graph = _Graph(inputs)
    value = graph.inputs_value()
    layers = _tree_layers(params)
    for i, (layer, kernel, bias) in enumerate(layers):
        rows = [list(column) for column in zip(*kernel)]
        value = graph.dense(value, rows, bias, layer)
        if i + 1 < len(layers) and activation != "none":
            value = graph.unary(activation, value)
    return graph.write(path, value, outputs, name, tolerance)


# The model file


class _Graph:
    """Nodes and tensors of a model; a value is (node name, width)."""

    def __init__(self, inputs):
        self.inputs = [dict(zip(("name", "min", "max", "unit"), entry)) for entry in inputs]
        self.nodes, self.tensors = [], {}
        self.names = {entry["name"] for entry in self.inputs}

    def inputs_value(self):
        return self.concat([(entry["name"], 1) for entry in self.inputs])

    def add(self, op, operands, width, hint=None, **fields):
        name = self.unique(hint or op)
        self.nodes.append({"name": name, "op": op, **({"inputs": [v[0] for v in operands]} if operands else {}), **fields})
        return name, width

    def unique(self, hint):
        name = re.sub(r"[^A-Za-z0-9_.\-/]", "_", hint)[:150]
        name = name if re.match(r"[A-Za-z_]", name) else f"n{name}"
        free, n = name, 2
        while free in self.names:
            free, n = f"{name}_{n}", n + 1
        self.names.add(free)
        return free

    def unary(self, op, x, **fields):
        return self.add(op, [x], x[1], **fields)

    def binary(self, op, a, b):
        if a[1] != b[1] and 1 not in (a[1], b[1]):
            raise ExportError(f"{op} of widths {a[1]} and {b[1]}")
        return self.add(op, [a, b], max(a[1], b[1]))

    def constant(self, numbers):
        return self.add("constant", [], len(numbers), value=[float(v) for v in numbers])

    def dense(self, x, rows, bias, hint):
        if any(len(row) != x[1] for row in rows):
            raise ExportError(f"layer {hint} reads {len(rows[0])} values and gets {x[1]}")
        fields = {"weight": self.tensor(f"{hint}.weight", [len(rows), x[1]], [v for row in rows for v in row])}
        if bias is not None:
            fields["bias"] = self.tensor(f"{hint}.bias", [len(rows)], bias)
        return self.add("dense", [x], len(rows), hint, **fields)

    def tensor(self, hint, shape, data):
        name = self.unique(f"{hint}")
        self.tensors[name] = (shape, [float(v) for v in data])
        return name

    def concat(self, values):
        return values[0] if len(values) == 1 else self.add("concat", values, sum(v[1] for v in values))

    def slice(self, x, start, stop):
        if not 0 <= start < stop <= x[1]:
            raise ExportError(f"slice {start}:{stop} of a value of width {x[1]}")
        return x if (start, stop) == (0, x[1]) else self.add("slice", [x], stop - start, start=start, stop=stop)

    def write(self, path, value, outputs, name, tolerance):
        width = value[1]
        given = [(o,) if isinstance(o, str) else tuple(o) for o in outputs or []]
        if not given:
            given = [("u",)] if width == 1 else [(f"u{i}",) for i in range(width)]
        if len(given) != width:
            raise ExportError(f"the network has {width} outputs, but {len(given)} are named")
        base = os.path.splitext(os.path.basename(path))[0]
        weights = f"{base}.safetensors"
        model = {
            "format": "pinn-edge/1",
            "name": name or (re.sub(r"[^A-Za-z0-9_-]", "-", base) if base != "model" else "network"),
            "inputs": self.inputs,
            "outputs": [
                {"name": o[0], "value": value[0], **({"index": i} if width > 1 else {}), **({"unit": o[1]} if len(o) > 1 else {})}
                for i, o in enumerate(given)
            ],
            **({"tolerance": tolerance} if tolerance else {}),
            **({"weights": weights} if self.tensors else {}),
            "nodes": self.nodes,
        }
        for entry in self.inputs:
            if not entry["min"] < entry["max"]:
                raise ExportError(f"input {entry['name']} has the range {entry['min']} to {entry['max']}")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(model, file, indent=1)
            file.write("\n")
        if self.tensors:
            _write_safetensors(os.path.join(os.path.dirname(path), weights), self.tensors)
        return model


def _write_safetensors(path, tensors):
    """F64: 8 bytes of header length, a JSON header, the numbers (https://github.com/huggingface/safetensors)."""
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [offset, offset + 8 * len(data)]}
        offset += 8 * len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, data in tensors.values():
            file.write(struct.pack(f"<{len(data)}d", *data))


# DeepXDE


def _geometry_inputs(geometry):
    """Names and ranges of the inputs: the bounding box of the geometry, then time."""
    space = getattr(geometry, "geometry", geometry)
    names = ["x", "y", "z"] if space.dim <= 3 else [f"x{i + 1}" for i in range(space.dim)]
    low, high = ([float(v) for v in row] for row in space.bbox)
    inputs = [(name, a, b) for name, a, b in zip(names, low, high)]
    if hasattr(geometry, "timedomain"):
        inputs.append(("t", float(geometry.timedomain.t0), float(geometry.timedomain.t1)))
    return inputs


# PyTorch

_FUNCTIONS = {
    "tanh": "tanh", "sin": "sin", "cos": "cos", "sigmoid": "sigmoid", "silu": "silu", "softplus": "softplus", "relu": "relu",
    "exp": "exp", "atan": "atan", "arctan": "atan", "reciprocal": "reciprocal", "sqrt": "sqrt", "log": "log", "abs": "abs",
    "erf": "erf", "mish": "mish", "selu": "selu", "neg": "neg", "negative": "neg", "elu": "elu", "gelu": "gelu",
    "leaky_relu": "leaky_relu", "hardsigmoid": "hard_sigmoid", "tan": "tan", "asin": "asin", "arcsin": "asin", "acos": "acos",
    "arccos": "acos", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "arcsinh": "asinh", "acosh": "acosh",
    "arccosh": "acosh", "atanh": "atanh", "arctanh": "atanh", "floor": "floor", "ceil": "ceil", "round": "round",
}  # fmt: skip
_ARITHMETIC = {
    "add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div", "divide": "div",
    "truediv": "div", "true_divide": "div", "maximum": "max", "minimum": "min", "iadd": "add", "isub": "sub", "imul": "mul",
}  # fmt: skip
_SAME = {"float", "double", "to", "contiguous", "clone", "detach", "dropout", "type", "requires_grad_", "squeeze", "view_as"}


class _TorchTracer:
    """Runs the fx graph of a module: what depends on the inputs becomes nodes, the rest is computed at once."""

    def __init__(self, torch, module, inputs):
        self.torch, self.module = torch, module
        self.graph = _Graph(inputs)
        self.values = {}

    def run(self):
        traced = self._trace()
        placeholders = [node for node in traced.graph.nodes if node.op == "placeholder"]
        free = [node for node in placeholders if not node.args]
        columns = [(entry["name"], 1) for entry in self.graph.inputs]
        if len(free) == 1:
            self.values[free[0]] = _Value(self.graph.concat(columns))
        elif len(free) == len(columns):
            self.values.update({node: _Value(column) for node, column in zip(free, columns)})
        else:
            raise ExportError(f"forward reads {len(free)} tensors, but there are {len(columns)} inputs")
        for node in traced.graph.nodes:
            if node.op == "output":
                result = self._resolve(node.args[0])
                parts = result if isinstance(result, (tuple, list)) else [result]
                return self.graph, self.graph.concat([self._value(part).at for part in parts])
            if node not in self.values:
                try:
                    self.values[node] = self._step(node)
                except ExportError:
                    raise
                except Exception as error:
                    raise ExportError(f"{node.op} {node.target} ({node.name}) is not supported: {error}") from error
        raise ExportError("forward returns nothing")

    def _trace(self):
        try:
            return self.torch.fx.symbolic_trace(self.module)
        except Exception as error:
            raise ExportError(f"torch.fx cannot trace the module: {error}") from error

    def _resolve(self, argument):
        fx = self.torch.fx
        if isinstance(argument, fx.Node):
            return self.values[argument]
        if isinstance(argument, (tuple, list)):
            return type(argument)(self._resolve(a) for a in argument)
        if isinstance(argument, dict):
            return {key: self._resolve(a) for key, a in argument.items()}
        if isinstance(argument, slice):
            return slice(*(self._resolve(a) for a in (argument.start, argument.stop, argument.step)))
        return argument

    def _step(self, node):
        args, kwargs = self._resolve(node.args), self._resolve(node.kwargs)
        if node.op == "placeholder":
            return node.args[0]
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(self.module)
        if node.op == "call_module":
            return self._module(node.target, self.module.get_submodule(node.target), args)
        if not _symbolic(args) and not _symbolic(kwargs):
            target = getattr(args[0], node.target) if node.op == "call_method" else node.target
            return target(*(args[1:] if node.op == "call_method" else args), **kwargs)
        name = node.target if node.op == "call_method" else getattr(node.target, "__name__", str(node.target))
        return self._function(name.strip("_"), args, kwargs)

    def _value(self, argument):
        """Any argument as a value of the graph."""
        if isinstance(argument, _Value):
            return self._on_where(argument, 1.0, 0.0) if argument.condition else argument
        tensor = self.torch.as_tensor(argument, dtype=self.torch.float64).detach()
        if tensor.dim() > 1 and tensor.shape[0] != 1:
            raise ExportError(f"a constant of shape {tuple(tensor.shape)} is used point by point")
        return _Value(self.graph.constant(tensor.reshape(-1).tolist()))

    def _module(self, name, module, args):
        nn = self.torch.nn
        if not _symbolic(args):
            return module(*args)
        x = self._value(args[0])
        if isinstance(module, nn.Linear):
            bias = None if module.bias is None else module.bias.double().tolist()
            return _Value(self.graph.dense(x.at, module.weight.double().tolist(), bias, name))
        if isinstance(module, nn.BatchNorm1d):
            scale = 1 / self.torch.sqrt(module.running_var.double() + module.eps)
            scale = scale if module.weight is None else scale * module.weight.double()
            shift = -module.running_mean.double() * scale
            shift = shift if module.bias is None else shift + module.bias.double()
            return _Value(self.graph.unary("scale", x.at, scale=scale.tolist(), shift=shift.tolist()))
        kind = type(module).__name__.lower()
        if kind in ("identity", "dropout"):
            return x
        parameters = {"leakyrelu": ("leaky_relu", {"negative_slope": getattr(module, "negative_slope", 0.01)}),
                      "elu": ("elu", {"alpha": getattr(module, "alpha", 1.0)}),
                      "gelu": ("gelu", {"approximate": getattr(module, "approximate", "none")}),
                      "hardtanh": ("clamp", {"min": getattr(module, "min_val", -1), "max": getattr(module, "max_val", 1)})}  # fmt: skip
        function, kwargs = parameters.get(kind, (kind, {}))
        try:
            return self._function(function, (x,), kwargs)
        except ExportError as error:
            raise ExportError(f"module {name} ({type(module).__name__}) is not supported") from error

    def _function(self, name, args, kwargs):
        graph = self.graph
        if name in _SAME:
            return args[0]
        if name in _FUNCTIONS:
            x = self._value(args[0])
            return x.like(graph.unary(_FUNCTIONS[name], x.at, **_activation_fields(name, args[1:], kwargs)))
        if name in _ARITHMETIC or name in ("rsub", "rtruediv"):
            a, b = (self._value(v) for v in args[:2])
            if name in ("rsub", "rtruediv"):
                a, b = b, a
            return _Value(graph.binary(_ARITHMETIC.get(name, "sub" if name == "rsub" else "div"), a.at, b.at))
        handler = getattr(self, f"_on_{name}", None)
        if handler is None:
            raise ExportError(f"the function {name} is not supported; write it with elementwise functions, products and sums")
        return handler(*args, **kwargs)

    def _on_getattr(self, x, name):
        if name in ("dtype", "device"):
            return None
        raise ExportError(f"the attribute {name} of a tensor is not supported")

    def _on_square(self, x):
        return self._value(x).like(self.graph.unary("pow", self._value(x).at, exponent=2))

    def _on_rsqrt(self, x):
        return self._value(x).like(self.graph.unary("pow", self._value(x).at, exponent=-0.5))

    def _on_pow(self, base, exponent):
        if isinstance(base, _Value) and not isinstance(exponent, _Value):
            return base.like(self.graph.unary("pow", base.at, exponent=float(exponent)))
        if isinstance(base, (int, float)) and base > 0:
            x = self._value(exponent)
            return x.like(self.graph.unary("exp", self.graph.unary("scale", x.at, scale=[math.log(base)])))
        raise ExportError("a power with a variable base and exponent is not supported")

    def _on_clamp(self, x, min=None, max=None):
        fields = {key: float(v) for key, v in (("min", min), ("max", max)) if v is not None}
        return self._value(x).like(self.graph.unary("clip", self._value(x).at, **fields))

    _on_clip = _on_clamp

    def _on_hardtanh(self, x, min_val=-1.0, max_val=1.0, inplace=False):
        return self._on_clamp(x, min_val, max_val)

    def _on_cat(self, values, dim=0, axis=None):
        if (dim if axis is None else axis) not in (1, -1):
            raise ExportError("cat along the batch is not supported")
        return _Value(self.graph.concat([self._value(v).at for v in values]))

    _on_concat = _on_concatenate = _on_cat

    def _on_hstack(self, values):
        return self._on_cat(values, 1)

    def _on_stack(self, values, dim=0):
        if any(not self._value(v).flat for v in values) or dim not in (1, -1):
            raise ExportError("stack of anything but single columns is not supported")
        return self._on_cat(values, 1)

    def _on_unsqueeze(self, x, dim):
        if not x.flat:
            raise ExportError("unsqueeze of a matrix is not supported")
        return _Value(x.at)

    def _on_reshape(self, x, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if list(shape) in ([-1, x.at[1]], [-1]) and (len(shape) == 2 or x.at[1] == 1):
            return _Value(x.at, flat=len(shape) == 1)
        raise ExportError(f"reshape to {tuple(shape)} is not supported")

    _on_view = _on_reshape

    def _on_linear(self, x, weight, bias=None):
        bias = None if bias is None else bias.double().tolist()
        return _Value(self.graph.dense(self._value(x).at, weight.double().tolist(), bias, "linear"))

    def _on_matmul(self, x, weight):
        if isinstance(weight, _Value) or not isinstance(x, _Value) or weight.dim() != 2:
            raise ExportError("a product of two values that depend on the inputs is not supported; write it as (a*b).sum(-1)")
        return _Value(self.graph.dense(x.at, weight.T.double().tolist(), None, "matmul"))

    _on_mm = _on_matmul

    def _on_addmm(self, bias, x, weight):
        return _Value(self.graph.dense(self._value(x).at, weight.T.double().tolist(), bias.double().tolist(), "addmm"))

    def _on_einsum(self, equation, *operands):
        values = operands[0] if isinstance(operands[0], (tuple, list)) else operands
        match = re.fullmatch(r"(\w)(\w),\1\2->\1", equation.replace(" ", ""))
        if not match or len(values) != 2:
            raise ExportError(f"einsum {equation} is not supported")
        a, b = (self._value(v).at for v in values)
        return self._on_sum(_Value(self.graph.binary("mul", a, b)), 1)

    def _on_sum(self, x, dim=None, keepdim=False, axis=None, op="sum"):
        if (dim if axis is None else axis) not in (1, -1, [1], [-1], (1,), (-1,)):
            raise ExportError(f"{op} over the batch is not supported; give dim=-1")
        value = x.at if x.at[1] == 1 else self.graph.add(op, [x.at], 1)
        return _Value(value, flat=not keepdim)

    def _on_mean(self, x, dim=None, keepdim=False, axis=None):
        return self._on_sum(x, dim, keepdim, axis, "mean")

    def _on_gt(self, a, b):
        return _Value(self.graph.binary("sub", self._value(a).at, self._value(b).at), condition=True)

    def _on_lt(self, a, b):
        return self._on_gt(b, a)

    def _on_le(self, a, b):
        return self._on_logical_not(self._on_gt(a, b))

    def _on_ge(self, a, b):
        return self._on_le(b, a)

    def _on_ne(self, a, b):
        difference = self.graph.binary("sub", self._value(a).at, self._value(b).at)
        return _Value(self.graph.binary("max", difference, self.graph.unary("neg", difference)), condition=True)

    def _on_eq(self, a, b):
        return self._on_logical_not(self._on_ne(a, b))

    _on_greater, _on_less, _on_greater_equal, _on_less_equal = _on_gt, _on_lt, _on_ge, _on_le
    _on_not_equal = _on_ne

    def _on_logical_not(self, x):
        return _Value(x.at, condition=True, negated=not self._truth(x).negated)

    def _on_logical_and(self, a, b):
        return self._join(a, b, every=True)

    def _on_logical_or(self, a, b):
        return self._join(a, b, every=False)

    def _on_logical_xor(self, a, b):
        flipped = self._on_logical_not(b)
        return self._choice(self._truth(a), self._sign(flipped), self._sign(self._truth(b)))

    # What & | ^ ~ of truth values are called.
    _on_and, _on_or, _on_xor, _on_invert = _on_logical_and, _on_logical_or, _on_logical_xor, _on_logical_not
    _on_bitwise_and, _on_bitwise_or, _on_bitwise_xor = _on_logical_and, _on_logical_or, _on_logical_xor
    _on_bitwise_not = _on_logical_not

    def _truth(self, x):
        if not isinstance(x, _Value) or not x.condition:
            raise ExportError("a truth value must be a comparison")
        return x

    def _join(self, a, b, every):
        """And, or: the least or the largest of conditions that are alike at 0; else one chooses whether the other counts."""
        a, b = self._truth(a), self._truth(b)
        if a.negated == b.negated:
            op = "min" if every != a.negated else "max"
            return _Value(self.graph.binary(op, a.at, b.at), condition=True, negated=a.negated)
        decided = _Value(self.graph.constant([-1.0 if every else 1.0]))
        return self._choice(a, self._sign(b), decided) if every else self._choice(a, decided, self._sign(b))

    def _sign(self, condition):
        """1 where the condition holds, else -1."""
        return self._choice(condition, *(_Value(self.graph.constant([v])) for v in (1.0, -1.0)))

    def _choice(self, condition, a, b):
        chosen = self._on_where(condition, a, b)
        return _Value(chosen.at, condition=True)

    def _on_where(self, condition, a, b):
        if not isinstance(condition, _Value) or not condition.condition:
            raise ExportError("where needs a comparison")
        a, b = (self._value(v) for v in ((b, a) if condition.negated else (a, b)))
        width = max(condition.at[1], a.at[1], b.at[1])
        return _Value(self.graph.add("select", [condition.at, a.at, b.at], width))

    def _on_split(self, x, sizes, dim=0):
        return self._pieces(x, [sizes] * math.ceil(x.at[1] / sizes) if isinstance(sizes, int) else sizes, dim)

    def _on_chunk(self, x, chunks, dim=0):
        return self._on_split(x, math.ceil(x.at[1] / chunks), dim)

    def _pieces(self, x, sizes, dim):
        if dim not in (1, -1):
            raise ExportError("split along the batch is not supported")
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return [_Value(self.graph.slice(x.at, s, min(s + size, x.at[1]))) for s, size in zip(starts, sizes)]

    def _on_getitem(self, x, index):
        if not isinstance(x, _Value):
            return x[index]
        index = index if isinstance(index, tuple) else (index,)
        if index[0] is not Ellipsis and index[0] != slice(None):
            raise ExportError("indexing of single points is not supported")
        if len(index) == 2 and index[1] is None and x.flat:
            return _Value(x.at)
        if len(index) == 1:
            return x
        if len(index) > 2 or index[1] is None:
            raise ExportError("tensors of more than two axes are not supported; export to ONNX instead")
        pick, width = index[1], x.at[1]
        if isinstance(pick, slice) and pick.step in (None, 1):
            start, stop, _ = pick.indices(width)
            return _Value(self.graph.slice(x.at, start, stop))
        picks = [pick] if isinstance(pick, int) else range(width)[pick] if isinstance(pick, slice) else list(pick)
        parts = [self.graph.slice(x.at, p % width, p % width + 1) for p in picks]
        return _Value(self.graph.concat(parts), flat=isinstance(pick, int))


class _Value:
    """A vector per point: `at` is (node, width); flat: the framework's tensor is [n], not [n, 1]; or a truth
    value: at > 0, or not at > 0 where negated."""

    def __init__(self, at, flat=False, condition=False, negated=False):
        self.at, self.flat, self.condition, self.negated = at, flat, condition, negated

    def like(self, at):
        return _Value(at, self.flat)


def _symbolic(argument):
    if isinstance(argument, (tuple, list)):
        return any(_symbolic(a) for a in argument)
    if isinstance(argument, dict):
        return any(_symbolic(a) for a in argument.values())
    return isinstance(argument, _Value)


def _activation_fields(name, args, kwargs):
    if name == "leaky_relu":
        return {"slope": float(args[0] if args else kwargs.get("negative_slope", 0.01))}
    if name == "elu":
        return {"alpha": float(args[0] if args else kwargs.get("alpha", 1.0))}
    if name == "gelu" and kwargs.get("approximate") == "tanh":
        return {"approximate": "tanh"}
    if name == "hardsigmoid":
        return {"alpha": 1 / 6, "beta": 0.5}
    if name == "round" and (args or kwargs):
        raise ExportError("round to decimals is not supported; multiply, round and divide")
    if name == "softplus" and kwargs.get("beta", 1) != 1:
        raise ExportError("softplus with beta other than 1 is not supported")
    return {}


# JAX / Flax


def _tree_layers(params):
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
