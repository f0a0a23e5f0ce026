"""Arrays of one point as JAX's programs handle them, over the vectors of a model."""

import math

import numpy

from .conditions import Condition
from .errors import ExportError


class Value:
    """An array of one point. `at`: (node, width) of the graph, or a Condition; `index`: component of the node per element."""

    def __init__(self, at, shape, index=None):
        self.at, self.shape = at, tuple(shape)
        self.index = numpy.arange(math.prod(self.shape)).reshape(self.shape) if index is None else numpy.asarray(index)

    @property
    def width(self):
        return self.at.at[1] if isinstance(self.at, Condition) else self.at[1]


class Arrays:
    """`graph` is the model, `_computed` applies a primitive to constants."""

    def __init__(self, at, shape, index=None):
        self.at, self.shape = at, tuple(shape)
        self.index = numpy.arange(math.prod(self.shape)).reshape(self.shape) if index is None else numpy.asarray(index)

    def node(self, value, short=False):
        """(node, width) that holds the elements row by row. short: one component where all of them are the same."""
        if isinstance(value.at, Condition):
            value = Value(value.at.number(), value.shape, value.index)
        return self._picked(value.at, value.index, short)

    def _picked(self, at, index, short):
        flat = index.ravel().tolist()
        if short and len(set(flat)) == 1:
            flat = flat[:1]
        runs = []
        for i in flat:
            if runs and runs[-1][1] == i:
                runs[-1][1] += 1
            else:
                runs.append([i, i + 1])
        return self.graph.concat([self.graph.slice(at, *run) for run in runs])

    def _condition(self, value):
        """The condition, element by element; a constant is one that always or never holds."""
        if not isinstance(value, Value):
            return Condition(self.graph, self._constant(value.astype(float) * 2 - 1))
        if not isinstance(value.at, Condition):
            raise ExportError("a truth value must be a comparison")
        return Condition(self.graph, self._picked(value.at.at, value.index, short=True), value.at.negated)

    def _constant(self, array):
        flat = numpy.asarray(array, dtype=float).ravel()
        return self.graph.constant(flat[:1] if len(set(flat.tolist())) == 1 else flat)

    def _operand(self, value):
        return self.node(value, short=True) if isinstance(value, Value) else self._constant(value)

    def _result(self, at, shape):
        width = at.at[1] if isinstance(at, Condition) else at[1]
        return Value(at, shape, numpy.zeros(shape, int) if width == 1 else None)

    def _structural(self, equation, operands, places):
        """The primitive, applied to the numbers of the components."""
        places = range(len(operands)) if places is None else places
        conditions = [isinstance(operands[p], Value) and isinstance(operands[p].at, Condition) for p in places]
        if any(conditions) and len(conditions) == 1:
            value = operands[places[0]]
            at, offsets = value.at, {value.at.at[0]: 0}
        else:
            at, offsets = None, {}
        parts, width, arrays = [], 0, list(operands)
        for p in places:
            operand = operands[p]
            if at is not None:
                arrays[p] = operand.index
                continue
            if not isinstance(operand, Value):
                node, index = self._constant(operand), numpy.arange(numpy.size(operand)).reshape(numpy.shape(operand))
                index = index if node[1] > 1 else index * 0
            else:
                node = operand.at.number() if isinstance(operand.at, Condition) else operand.at
                index = operand.index
            if node[0] not in offsets:
                offsets[node[0]] = width
                width += node[1]
                parts.append(node)
            arrays[p] = index + offsets[node[0]]
        arrays = [array.astype("int32") if hasattr(array, "astype") and p in places else array for p, array in enumerate(arrays)]
        results = self._computed(equation, arrays)
        at = self.graph.concat(parts) if at is None else at
        results = results if equation.primitive.multiple_results else results[:1]
        found = [Value(at, result.shape, numpy.asarray(result)) for result in results]
        if any((value.index < 0).any() or (value.index >= value.width).any() for value in found):
            raise ExportError(f"{equation.primitive.name} reads beyond the ends of an array")
        return found

    def _linear(self, equation, operands):
        """A layer, whose matrix is what the primitive makes of the unit vectors."""
        place = next(i for i, operand in enumerate(operands) if isinstance(operand, Value))
        value = operands[place]
        units = numpy.eye(math.prod(value.shape)).reshape(-1, *value.shape)
        if equation.primitive.name == "dot_general" and not any(equation.params["dimension_numbers"][1]):
            columns = _dot_columns(units, operands[1 - place], place, *equation.params["dimension_numbers"][0])
        else:
            columns = self._image(equation, operands, place, units)
        columns = columns.reshape(len(units), -1)
        shape = equation.outvars[0].aval.shape
        if (columns == 1).all() and columns.shape[1] == 1:
            x = self.node(value)
            return self._result(x if x[1] == 1 else self.graph.add("sum", [x], 1), shape)
        names = str(equation.source_info.name_stack).split("/")
        layer = self.graph.dense(self.node(value), columns.T.tolist(), None, names[-1] or "dense")
        return self._result(layer, shape)

    def _image(self, equation, operands, place, units):
        """What the primitive makes of each of the units."""
        import jax

        def image(x):
            return self._computed(equation, [x if i == place else operand for i, operand in enumerate(operands)])[0]

        dtype = equation.invars[place].aval.dtype
        return numpy.asarray(jax.lax.map(image, jax.numpy.asarray(units, dtype)), dtype=float)

    def _chosen(self, which, cases):
        """One of the cases per element, by a constant array."""
        which = which.astype(int)
        if (which == which.ravel()[0]).all():
            return cases[which.ravel()[0]]
        nodes = [self.node(case) if isinstance(case, Value) else self.graph.constant(numpy.ravel(case)) for case in cases]
        elements = numpy.arange(which.size).reshape(which.shape)
        return Value(self.graph.concat(nodes), which.shape, elements + which * which.size)

    def row(self, array, i):
        """Element i along the first axis."""
        return Value(array.at, array.shape[1:], array.index[i]) if isinstance(array, Value) else array[i]

    def stacked(self, rows):
        """Results of the steps of a scan, along a new first axis."""
        if not any(isinstance(row, Value) for row in rows):
            return numpy.stack(rows)
        nodes = [self.node(row) if isinstance(row, Value) else self.graph.constant(numpy.ravel(row)) for row in rows]
        shape = next(row.shape for row in rows if isinstance(row, Value))
        return Value(self.graph.concat(nodes), (len(rows), *shape))


def _dot_columns(units, constant, place, over_first, over_second):
    """Products of the units [n, ...] with a constant, as dot_general orders their axes behind n."""
    constant = numpy.asarray(constant, dtype=float)
    over = [axis + 1 for axis in (over_first, over_second)[place]]
    if place == 0:
        return numpy.tensordot(units, constant, (over, over_second))
    return numpy.moveaxis(numpy.tensordot(constant, units, (over_first, over)), constant.ndim - len(over_first), 0)
