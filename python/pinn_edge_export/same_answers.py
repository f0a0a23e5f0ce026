"""Every export is checked before it is written: the model, evaluated here in double, must answer as the framework does."""

import math
import random

from .errors import ExportError

POINTS = 7
# Of the largest answer. Frameworks that compute in float32 are off by up to some 1e-5 themselves; a wrong export is far off.
ALLOWED = 1e-3


def sample_points(inputs, count=POINTS):
    """Points of the box, always the same ones. Inputs are (name, min, max, ...)."""
    source = random.Random(1)
    return [[source.uniform(float(entry[1]), float(entry[2])) for entry in inputs] for _ in range(count)]


def require_same_answers(inputs, nodes, tensors, value, points, answers):
    """points, answers: rows of numbers, one per point."""
    found = [evaluate(inputs, nodes, tensors, value, point) for point in points]
    if [len(row) for row in found] != [len(row) for row in answers]:
        raise ExportError(f"the network answers {len(answers[0])} values for a point, the exported graph {len(found[0])}")
    finite = [v for row in answers for v in row if math.isfinite(v)]
    largest = max(map(abs, finite), default=0.0)
    for point, row, wanted in zip(points, found, answers):
        for component, (a, b) in enumerate(zip(row, wanted)):
            if not abs(a - b) <= ALLOWED * max(largest, 1e-30):
                at = ", ".join(f"{entry['name']} = {x:.6g}" for entry, x in zip(inputs, point))
                raise ExportError(
                    f"output {component} of the exported graph is {a:.7g} at {at}, the framework's is {b:.7g}; answers must "
                    "be finite over the box, and each point's must not depend on the other points of the batch"
                )


def evaluate(inputs, nodes, tensors, value, point):
    """The components of `value` at one point, in double, as the reference of pinn-edge evaluates them."""
    values = {entry["name"]: [float(x)] for entry, x in zip(inputs, point)}
    for node in nodes:
        try:
            values[node["name"]] = _node(node, [values[name] for name in node.get("inputs", [])], tensors)
        except (ValueError, OverflowError, ZeroDivisionError):
            width = max((len(values[name]) for name in node.get("inputs", [])), default=1)
            values[node["name"]] = [math.nan] * width
    return values[value[0]]


def _node(node, operands, tensors):
    op = node["op"]
    x = operands[0] if operands else []
    if op == "dense":
        rows, cols = tensors[node["weight"]][0]
        weight = tensors[node["weight"]][1]
        bias = tensors[node["bias"]][1] if "bias" in node else [0.0] * rows
        return [bias[i] + math.fsum(w * v for w, v in zip(weight[i * cols : (i + 1) * cols], x)) for i in range(rows)]
    if op == "constant":
        return node["value"]
    if op == "concat":
        return [v for operand in operands for v in operand]
    if op == "slice":
        return x[node["start"] : node["stop"]]
    if op in ("sum", "mean"):
        return [math.fsum(x) / (len(x) if op == "mean" else 1)]
    if op == "select":
        return [a if c > 0 else b for c, a, b in zip(*_stretched(operands))]
    if op == "scale":
        scale, shift = node.get("scale", [1.0]), node.get("shift", [0.0])
        return [s * v + t for v, s, t in zip(*_stretched([x, scale, shift]))]
    if op in BINARY:
        return [BINARY[op](a, b) for a, b in zip(*_stretched(operands))]
    function = FUNCTIONS[op]
    fields = {key: v for key, v in node.items() if key not in ("name", "op", "inputs")}
    return [function(v, **fields) for v in x]


def _stretched(operands):
    width = max(map(len, operands))
    return [operand * width if len(operand) == 1 else operand for operand in operands]


def _sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "min": min, "max": max,
}  # fmt: skip
FUNCTIONS = {
    **{name: getattr(math, name) for name in (
        "tanh", "sin", "cos", "exp", "atan", "sqrt", "log", "erf", "tan", "asin", "acos", "sinh", "cosh", "asinh", "acosh",
        "atanh", "floor", "ceil",
    )},
    "sigmoid": _sigmoid, "silu": lambda x: x * _sigmoid(x), "softplus": _softplus, "relu": lambda x: max(x, 0.0),
    "reciprocal": lambda x: 1 / x, "abs": abs, "neg": lambda x: -x, "round": round,
    "mish": lambda x: x * math.tanh(_softplus(x)), "gelu": _gelu,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "elu": lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x),
    "leaky_relu": lambda x, slope=0.01: x if x > 0 else slope * x,
    "hard_sigmoid": lambda x, alpha=0.2, beta=0.5: min(max(alpha * x + beta, 0.0), 1.0),
    "clip": lambda x, min=-math.inf, max=math.inf: sorted((min, x, max))[1],
    "pow": lambda x, exponent: x**exponent if x >= 0 or float(exponent).is_integer() else math.nan,
}  # fmt: skip
