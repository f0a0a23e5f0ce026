"""What the primitives of JAX become in a model (https://docs.jax.dev/en/latest/jax.lax.html)."""

import math

import numpy

from .conditions import Condition, greater, unequal
from .errors import ExportError
from .jax_arrays import Arrays, Value

UNARY = {
    **{name: name for name in (
        "tanh", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "exp", "log", "sqrt",
        "erf", "abs", "neg", "floor", "ceil",
    )},
    "logistic": "sigmoid",
}  # fmt: skip
BINARY = {"add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "max": "max", "min": "min"}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
# Where the elements of the results come from does not depend on their values: operands that hold elements.
STRUCTURAL = {
    "reshape": (0,), "squeeze": (0,), "expand_dims": (0,), "broadcast_in_dim": (0,), "transpose": (0,), "slice": (0,),
    "dynamic_slice": (0,), "gather": (0,), "rev": (0,), "split": (0,), "concatenate": None, "stack": None, "unstack": (0,), "tile": (0,), "pad": (0, 1),
    "dynamic_update_slice": (0, 1), "scatter": (0, 2),
}  # fmt: skip
# In one operand where the others are constants.
LINEAR = {"dot_general", "conv_general_dilated", "reduce_sum", "cumsum"}
SAME = {"copy", "copy_p", "stop_gradient", "optimization_barrier", "sharding_constraint", "pvary"}


class Primitives(Arrays):
    """What becomes of a primitive that reads at least one Value, by its name: `_on_<name>`."""

    def __init__(self, graph):
        self.graph = graph

    def apply(self, equation, operands):
        """Results of a primitive that reads at least one Value."""
        name, params = equation.primitive.name, equation.params
        shape = equation.outvars[0].aval.shape
        if name == "is_finite" or (name in ("eq", "ne") and operands[0] is operands[1]):
            # How programs look for NaN and infinities; there are none, which the check of the answers makes sure of.
            return [numpy.full(shape, name != "ne")]
        if name in COMPARISONS and any(not isinstance(v, Value) and numpy.isinf(v).all() for v in operands):
            given = [numpy.zeros(shape, other.dtype) if isinstance(v, Value) else v for v, other in zip(operands, operands[::-1])]
            return [numpy.broadcast_to(self._computed(equation, given)[0], shape)]
        if name == "select_n" and not isinstance(operands[0], Value):
            return [self._chosen(numpy.broadcast_to(operands[0], shape), operands[1:])]
        if name in STRUCTURAL:
            return self._structural(equation, operands, STRUCTURAL[name])
        if name in SAME:
            return operands
        if name in LINEAR and sum(isinstance(operand, Value) for operand in operands) == 1:
            return [self._linear(equation, operands)]
        if name in UNARY:
            return [self._result(self.graph.unary(UNARY[name], self._operand(operands[0])), shape)]
        if name in BINARY:
            return [self._result(self._arithmetic(BINARY[name], *operands, shape), shape)]
        handler = getattr(self, f"_on_{name}", None)
        if handler is None:
            raise ExportError(
                f"the primitive {name} of JAX is not supported; write it with elementwise functions, products and sums"
            )
        return [self._result(handler(*operands, **{**params, "shape": shape}), shape)]

    def _arithmetic(self, op, a, b, shape):
        bound = {"max": -math.inf, "min": math.inf}.get(op)
        for x, other in ((a, b), (b, a)):
            if bound is not None and not isinstance(other, Value) and (other == bound).all():
                return self._operand(x)
        if op == "add":
            for x, other in ((a, b), (b, a)):
                if isinstance(x, Value) and not isinstance(other, Value):
                    at = self._operand(x)
                    width = at[1]
                    bias = self._broadcast(other, shape)
                    if width == len(bias):
                        return self.graph.biased(at, bias)
        return self.graph.binary(op, self._operand(a), self._operand(b))

    @staticmethod
    def _broadcast(array, shape):
        return numpy.broadcast_to(numpy.asarray(array, dtype=float), shape).ravel().tolist()

    def _on_dot_general(self, a, b, dimension_numbers, shape, **_):
        """Of two values: products of components, summed; one sum per element of the result."""
        (over_a, over_b), (batch_a, batch_b) = dimension_numbers
        first, second = (
            numpy.transpose(v.index, [*batch, *(d for d in range(v.index.ndim) if d not in (*batch, *over)), *over])
            for v, batch, over in ((a, batch_a, over_a), (b, batch_b, over_b))
        )
        batch = math.prod(first.shape[: len(batch_a)])
        length = math.prod(a.shape[d] for d in over_a)
        rows, columns = (v.reshape(batch, -1, length) for v in (first, second))
        sums = []
        for k in range(batch):
            for row in rows[k]:
                for column in columns[k]:
                    product = self.graph.binary("mul", self._picked(a.at, row, False), self._picked(b.at, column, False))
                    sums.append(product if length == 1 else self.graph.add("sum", [product], 1))
        return self.graph.concat(sums)

    def _on_integer_pow(self, x, y, shape):
        return self.graph.unary("pow", self._operand(x), exponent=float(y))

    def _on_square(self, x, shape):
        return self.graph.unary("pow", self._operand(x), exponent=2)

    def _on_rsqrt(self, x, shape, **_):
        return self.graph.unary("pow", self._operand(x), exponent=-0.5)

    def _on_pow(self, base, exponent, shape):
        if not isinstance(exponent, Value) and len(set(exponent.ravel().tolist())) == 1:
            return self.graph.unary("pow", self._operand(base), exponent=float(exponent.ravel()[0]))
        if isinstance(base, Value) or (base <= 0).any():
            raise ExportError("a power with a variable base and exponent is not supported")
        product = self.graph.binary("mul", self._operand(exponent), self._constant([math.log(v) for v in base.ravel()]))
        return self.graph.unary("exp", product)

    def _on_exp2(self, x, shape, **_):
        return self.graph.unary("exp", self.graph.unary("scale", self._operand(x), scale=[math.log(2)]))

    def _on_log1p(self, x, shape, **_):
        return self.graph.unary("log", self.graph.unary("scale", self._operand(x), shift=[1.0]))

    def _on_expm1(self, x, shape, **_):
        return self.graph.unary("scale", self.graph.unary("exp", self._operand(x)), shift=[-1.0])

    def _on_erfc(self, x, shape):
        return self.graph.unary("scale", self.graph.unary("erf", self._operand(x)), scale=[-1.0], shift=[1.0])

    def _on_sign(self, x, shape):
        at, zero = self._operand(x), self.graph.constant([0.0])
        positive, negative = greater(self.graph, at, zero).number(), greater(self.graph, zero, at).number()
        return self.graph.binary("sub", positive, negative)

    def _on_round(self, x, rounding_method, shape):
        if int(rounding_method) != 1:
            raise ExportError("lax.round away from zero is not supported; jnp.round rounds to even")
        return self.graph.unary("round", self._operand(x))

    def _on_clamp(self, low, x, high, shape):
        return self.graph.binary("min", self.graph.binary("max", self._operand(x), self._operand(low)), self._operand(high))

    def _on_convert_element_type(self, x, new_dtype, shape, **_):
        if isinstance(x.at, Condition):
            return self._condition(x) if new_dtype == bool else self._condition(x).number()
        if new_dtype.kind != "f" and new_dtype.name != "bfloat16":
            raise ExportError(f"a value that depends on the inputs is cast to {new_dtype}; use jnp.floor or a comparison")
        return self._operand(x)

    def _on_reduce_max(self, x, axes, shape, op="max", **_):
        moved = numpy.moveaxis(x.index, axes, range(len(axes))).reshape(-1, *shape)
        result = self._picked(x.at, moved[0], False)
        for row in moved[1:]:
            result = self.graph.binary(op, result, self._picked(x.at, row, False))
        return result

    def _on_reduce_min(self, x, axes, shape, **_):
        return self._on_reduce_max(x, axes, shape, "min")

    def _on_reduce_prod(self, x, axes, shape, **_):
        return self._on_reduce_max(x, axes, shape, "mul")

    def _on_select_n(self, which, *cases, shape):
        if len(cases) != 2 or any(isinstance(case, Value) and isinstance(case.at, Condition) for case in cases):
            raise ExportError("a choice among more than two values, or among truth values, is not supported")
        return self._condition(which).choose(self._operand(cases[1]), self._operand(cases[0]))

    def _on_gt(self, a, b, shape):
        return greater(self.graph, self._operand(a), self._operand(b))

    def _on_lt(self, a, b, shape):
        return self._on_gt(b, a, shape)

    def _on_le(self, a, b, shape):
        return ~self._on_gt(a, b, shape)

    def _on_ge(self, a, b, shape):
        return ~self._on_gt(b, a, shape)

    def _on_ne(self, a, b, shape):
        return unequal(self.graph, self._operand(a), self._operand(b))

    def _on_eq(self, a, b, shape):
        return ~self._on_ne(a, b, shape)

    def _on_and(self, a, b, shape):
        return self._condition(a) & self._condition(b)

    def _on_or(self, a, b, shape):
        return self._condition(a) | self._condition(b)

    def _on_xor(self, a, b, shape):
        return self._condition(a) ^ self._condition(b)

    def _on_not(self, a, shape):
        return ~self._condition(a)
