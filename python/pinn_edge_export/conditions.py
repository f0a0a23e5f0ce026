"""Comparisons as values of the graph: true where a value is > 0, or, negated, where it is not > 0."""


class Condition:
    """`at`: (node, width) in the graph. Equal operands come out right: a >= b is not b - a > 0."""

    def __init__(self, graph, at, negated=False):
        self.graph, self.at, self.negated = graph, at, negated

    def __invert__(self):
        return Condition(self.graph, self.at, not self.negated)

    def __and__(self, other):
        return self._join(other, every=True)

    def __or__(self, other):
        return self._join(other, every=False)

    def __xor__(self, other):
        return self._chosen((~other)._sign(), other._sign())

    def choose(self, a, b):
        """a where it holds, else b; operands and result are (node, width)."""
        if self.negated:
            a, b = b, a
        return self.graph.add("select", [self.at, a, b], max(self.at[1], a[1], b[1]))

    def number(self):
        """1 where it holds, else 0."""
        return self.choose(self.graph.constant([1.0]), self.graph.constant([0.0]))

    def _join(self, other, every):
        """The least or the largest of conditions that are alike at 0; else one chooses whether the other counts."""
        if self.negated == other.negated:
            op = "min" if every != self.negated else "max"
            return Condition(self.graph, self.graph.binary(op, self.at, other.at), self.negated)
        decided = self.graph.constant([-1.0 if every else 1.0])
        return self._chosen(other._sign(), decided) if every else self._chosen(decided, other._sign())

    def _sign(self):
        """1 where the condition holds, else -1."""
        return self.choose(self.graph.constant([1.0]), self.graph.constant([-1.0]))

    def _chosen(self, a, b):
        return Condition(self.graph, self.choose(a, b))


def greater(graph, a, b):
    return Condition(graph, graph.binary("sub", a, b))


def unequal(graph, a, b):
    difference = graph.binary("sub", a, b)
    return Condition(graph, graph.binary("max", difference, graph.unary("neg", difference)))
