"""What functions and methods of torch tensors become in a model; `TorchTracer` finds them by their names, `_on_<name>`."""

import math
import re

from .conditions import Condition, greater, unequal
from .errors import ExportError

FUNCTIONS = {
    "tanh": "tanh", "sin": "sin", "cos": "cos", "sigmoid": "sigmoid", "silu": "silu", "softplus": "softplus", "relu": "relu",
    "exp": "exp", "atan": "atan", "arctan": "atan", "reciprocal": "reciprocal", "sqrt": "sqrt", "log": "log", "abs": "abs",
    "erf": "erf", "mish": "mish", "selu": "selu", "neg": "neg", "negative": "neg", "elu": "elu", "gelu": "gelu",
    "leaky_relu": "leaky_relu", "hardsigmoid": "hard_sigmoid", "tan": "tan", "asin": "asin", "arcsin": "asin", "acos": "acos",
    "arccos": "acos", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "arcsinh": "asinh", "acosh": "acosh",
    "arccosh": "acosh", "atanh": "atanh", "arctanh": "atanh", "floor": "floor", "ceil": "ceil", "round": "round",
}  # fmt: skip
ARITHMETIC = {
    "add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div", "divide": "div",
    "truediv": "div", "true_divide": "div", "maximum": "max", "minimum": "min", "iadd": "add", "isub": "sub", "imul": "mul",
}  # fmt: skip
SAME = {"float", "double", "to", "contiguous", "clone", "detach", "dropout", "type", "requires_grad_", "squeeze", "view_as"}


class Value:
    """A vector per point: `at` is (node, width); flat: the framework's tensor is [n], not [n, 1]."""

    def __init__(self, at, flat=False):
        self.at, self.flat = at, flat

    def like(self, at):
        return Value(at, self.flat)


def is_symbolic(argument):
    if isinstance(argument, (tuple, list)):
        return any(is_symbolic(a) for a in argument)
    if isinstance(argument, dict):
        return any(is_symbolic(a) for a in argument.values())
    return isinstance(argument, (Value, Condition))


def _truth(x):
    if not isinstance(x, Condition):
        raise ExportError("a truth value must be a comparison")
    return x


class TorchFunctions:
    """`self.graph` is the model, `self._value` makes a value of any argument."""

    def _function(self, name, args, kwargs):
        graph = self.graph
        if name in SAME:
            return args[0]
        if name in FUNCTIONS:
            x = self._value(args[0])
            return x.like(graph.unary(FUNCTIONS[name], x.at, **activation_fields(name, args[1:], kwargs)))
        if name in ARITHMETIC or name in ("rsub", "rtruediv"):
            a, b = (self._value(v) for v in args[:2])
            if name in ("rsub", "rtruediv"):
                a, b = b, a
            return Value(graph.binary(ARITHMETIC.get(name, "sub" if name == "rsub" else "div"), a.at, b.at))
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
        if isinstance(base, Value) and not isinstance(exponent, Value):
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
        return Value(self.graph.concat([self._value(v).at for v in values]))

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
        return Value(x.at)

    def _on_reshape(self, x, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if list(shape) in ([-1, x.at[1]], [-1]) and (len(shape) == 2 or x.at[1] == 1):
            return Value(x.at, flat=len(shape) == 1)
        raise ExportError(f"reshape to {tuple(shape)} is not supported")

    _on_view = _on_reshape

    def _on_linear(self, x, weight, bias=None):
        bias = None if bias is None else bias.double().tolist()
        return Value(self.graph.dense(self._value(x).at, weight.double().tolist(), bias, "linear"))

    def _on_matmul(self, x, weight):
        if isinstance(weight, Value) or not isinstance(x, Value) or weight.dim() != 2:
            raise ExportError("a product of two values that depend on the inputs is not supported; write it as (a*b).sum(-1)")
        return Value(self.graph.dense(x.at, weight.T.double().tolist(), None, "matmul"))

    _on_mm = _on_matmul

    def _on_addmm(self, bias, x, weight):
        return Value(self.graph.dense(self._value(x).at, weight.T.double().tolist(), bias.double().tolist(), "addmm"))

    def _on_einsum(self, equation, *operands):
        values = operands[0] if isinstance(operands[0], (tuple, list)) else operands
        match = re.fullmatch(r"(\w)(\w),\1\2->\1", equation.replace(" ", ""))
        if not match or len(values) != 2:
            raise ExportError(f"einsum {equation} is not supported")
        a, b = (self._value(v).at for v in values)
        return self._on_sum(Value(self.graph.binary("mul", a, b)), 1)

    def _on_sum(self, x, dim=None, keepdim=False, axis=None, op="sum"):
        if (dim if axis is None else axis) not in (1, -1, [1], [-1], (1,), (-1,)):
            raise ExportError(f"{op} over the batch is not supported; give dim=-1")
        value = x.at if x.at[1] == 1 else self.graph.add(op, [x.at], 1)
        return Value(value, flat=not keepdim)

    def _on_mean(self, x, dim=None, keepdim=False, axis=None):
        return self._on_sum(x, dim, keepdim, axis, "mean")

    def _on_gt(self, a, b):
        return greater(self.graph, self._value(a).at, self._value(b).at)

    def _on_lt(self, a, b):
        return self._on_gt(b, a)

    def _on_le(self, a, b):
        return ~self._on_gt(a, b)

    def _on_ge(self, a, b):
        return self._on_le(b, a)

    def _on_ne(self, a, b):
        return unequal(self.graph, self._value(a).at, self._value(b).at)

    def _on_eq(self, a, b):
        return ~self._on_ne(a, b)

    _on_greater, _on_less, _on_greater_equal, _on_less_equal = _on_gt, _on_lt, _on_ge, _on_le
    _on_not_equal = _on_ne

    def _on_logical_not(self, x):
        return ~_truth(x)

    def _on_logical_and(self, a, b):
        return _truth(a) & _truth(b)

    def _on_logical_or(self, a, b):
        return _truth(a) | _truth(b)

    def _on_logical_xor(self, a, b):
        return _truth(a) ^ _truth(b)

    # What & | ^ ~ of truth values are called.
    _on_and, _on_or, _on_xor, _on_invert = _on_logical_and, _on_logical_or, _on_logical_xor, _on_logical_not
    _on_bitwise_and, _on_bitwise_or, _on_bitwise_xor = _on_logical_and, _on_logical_or, _on_logical_xor
    _on_bitwise_not = _on_logical_not

    def _on_where(self, condition, a, b):
        if not isinstance(condition, Condition):
            raise ExportError("where needs a comparison")
        return Value(condition.choose(self._value(a).at, self._value(b).at))

    def _on_split(self, x, sizes, dim=0):
        return self._pieces(x, [sizes] * math.ceil(x.at[1] / sizes) if isinstance(sizes, int) else sizes, dim)

    def _on_chunk(self, x, chunks, dim=0):
        return self._on_split(x, math.ceil(x.at[1] / chunks), dim)

    def _pieces(self, x, sizes, dim):
        if dim not in (1, -1):
            raise ExportError("split along the batch is not supported")
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return [Value(self.graph.slice(x.at, s, min(s + size, x.at[1]))) for s, size in zip(starts, sizes)]

    def _on_getitem(self, x, index):
        if not isinstance(x, Value):
            return x[index]
        index = index if isinstance(index, tuple) else (index,)
        if index[0] is not Ellipsis and index[0] != slice(None):
            raise ExportError("indexing of single points is not supported")
        if len(index) == 2 and index[1] is None and x.flat:
            return Value(x.at)
        if len(index) == 1:
            return x
        if len(index) > 2 or index[1] is None:
            raise ExportError("tensors of more than two axes are not supported; export to ONNX instead")
        pick, width = index[1], x.at[1]
        if isinstance(pick, slice) and pick.step in (None, 1):
            start, stop, _ = pick.indices(width)
            return Value(self.graph.slice(x.at, start, stop))
        picks = [pick] if isinstance(pick, int) else range(width)[pick] if isinstance(pick, slice) else list(pick)
        parts = [self.graph.slice(x.at, p % width, p % width + 1) for p in picks]
        return Value(self.graph.concat(parts), flat=isinstance(pick, int))


def activation_fields(name, args, kwargs):
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
