"""Walks the jaxpr of a function of one point: what depends on the point becomes nodes, the rest is computed at once."""

import functools

import numpy

from .errors import ExportError
from .jax_arrays import Value
from .jax_primitives import Primitives
from .same_answers import FUNCTIONS

# Functions of jax.nn and the operations that are them.
ACTIVATIONS = {
    "silu": "silu", "swish": "silu", "softplus": "softplus", "gelu": "gelu", "selu": "selu", "elu": "elu", "mish": "mish",
    "relu": "relu", "leaky_relu": "leaky_relu",
}  # fmt: skip


class JaxTracer(Primitives):
    """Walks a jaxpr; an environment holds, per variable, a constant array or a Value."""

    def run(self, closed, arguments):
        """The results of a closed jaxpr, or of one without constants."""
        jaxpr, constants = getattr(closed, "jaxpr", closed), getattr(closed, "consts", [])
        values = dict(zip(jaxpr.constvars, constants))
        values.update(zip(jaxpr.invars, arguments))
        for equation in jaxpr.eqns:
            operands = [self._read(values, variable) for variable in equation.invars]
            try:
                results = self._equation(equation, operands)
            except ExportError as error:
                raise ExportError(f"{error}{_place(equation)}") from error
            values.update(zip(equation.outvars, results))
        return [self._read(values, variable) for variable in jaxpr.outvars]

    def _read(self, values, variable):
        return numpy.asarray(variable.val, variable.aval.dtype) if hasattr(variable, "val") else values[variable]

    def _equation(self, equation, operands):
        name, params = equation.primitive.name, equation.params
        inner = next((params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in params), None)
        if name in ("scan", "while"):
            inner = None
        if not any(isinstance(operand, Value) for operand in operands):
            return self.run(inner, operands) if inner is not None else self._computed(equation, operands)
        if name == "scan":
            return self._scan(params, operands)
        if name == "cond":
            if isinstance(operands[0], Value):
                raise ExportError("a branch that depends on the inputs (lax.cond) is not supported; write it with jnp.where")
            return self.run(params["branches"][int(operands[0])], operands[1:])
        if name == "while":
            raise ExportError("a loop whose length is not known (lax.while_loop) is not supported")
        if inner is not None:
            return self._known_activation(params.get("name"), inner, operands) or self.run(inner, operands)
        return self.apply(equation, operands)

    def _computed(self, equation, operands):
        results = equation.primitive.bind(*operands, **equation.params)
        return results if equation.primitive.multiple_results else [results]

    def _scan(self, params, operands):
        """Unrolled."""
        fixed, carried = params["num_consts"], params["num_carry"]
        constants, carry, rows = operands[:fixed], operands[fixed : fixed + carried], operands[fixed + carried :]
        steps = range(params["length"])
        kept = []
        for i in reversed(steps) if params["reverse"] else steps:
            results = self.run(params["jaxpr"], [*constants, *carry, *(self.row(array, i) for array in rows)])
            carry = results[:carried]
            kept.append(results[carried:])
        kept = kept[::-1] if params["reverse"] else kept
        return [*carry, *(self.stacked(column) for column in zip(*kept))]

    def _known_activation(self, name, inner, operands):
        """The activation's own operation in place of its parts, where a function of its name has its values."""
        if name not in ACTIVATIONS or not isinstance(operands[0], Value) or len(inner.jaxpr.outvars) != 1:
            return None
        further = operands[1:]
        if any(isinstance(value, Value) or numpy.size(value) != 1 for value in further):
            return None
        shape = inner.jaxpr.invars[0].aval.shape
        if shape != inner.jaxpr.outvars[0].aval.shape or shape != operands[0].shape:
            return None
        fields = [{}]
        if name in ("elu", "leaky_relu"):
            fields = [{"alpha" if name == "elu" else "slope": float(numpy.ravel(value)[0])} for value in further] or fields
        if name == "gelu":
            fields = [{}, {"approximate": "tanh"}]
        op = ACTIVATIONS[name]
        for given in fields:
            if self._is_function(inner, further, shape, functools.partial(FUNCTIONS[op], **given)):
                return [self._result(self.graph.unary(op, self._operand(operands[0]), **given), shape)]
        return None

    def _is_function(self, inner, further, shape, function):
        import jax.numpy as jnp

        dtype = inner.jaxpr.invars[0].aval.dtype
        for x in numpy.linspace(-9, 9, 37):
            (found,) = self.run(inner, [jnp.full(shape, x, dtype), *further])
            if not numpy.allclose(numpy.asarray(found), function(float(x)), rtol=1e-5, atol=1e-6):
                return False
        return True


def _place(equation):
    stack = str(getattr(equation.source_info, "name_stack", ""))
    return f" (in {stack})" if stack else ""
