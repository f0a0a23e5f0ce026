"""PyTorch modules, traced with torch.fx: `forward` may hold any Python whose path does not depend on the data."""

import operator

from .conditions import Condition
from .errors import ExportError
from .model_file import Graph
from .same_answers import sample_points
from .torch_functions import TorchFunctions, Value, is_symbolic


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
            graph, value, count = TorchTracer(torch, module, inputs).run()
            points = sample_points(inputs)
            answers = _answers(torch, module, points, count)
    finally:
        module.train(was_training)
    return graph.write(path, value, outputs, name, tolerance, (points, answers))


def _answers(torch, module, points, count):
    """The module's own, for one tensor [n, k] or, where it reads `count` tensors, for one per column."""
    like = next((p for p in [*module.parameters(), *module.buffers()] if p.is_floating_point()), torch.zeros(1, dtype=torch.float64))
    x = torch.tensor(points, dtype=like.dtype, device=like.device)
    result = module(x) if count == 1 else module(*(x[:, i : i + 1] for i in range(count)))
    parts = result if isinstance(result, (tuple, list)) else [result]
    if any(part.shape[:1] != (len(points),) or part.dim() > 2 for part in parts):
        shapes = ", ".join(str(list(part.shape)) for part in parts)
        raise ExportError(f"for {len(points)} points, the module answers tensors of shape {shapes}; it must be one row per point")
    return torch.cat([part.reshape(len(points), -1).double() for part in parts], 1).tolist()


class TorchTracer(TorchFunctions):
    """Runs the fx graph of a module: what depends on the inputs becomes nodes, the rest is computed at once."""

    def __init__(self, torch, module, inputs):
        self.torch, self.module = torch, module
        self.graph = Graph(inputs)
        self.values = {}

    def run(self):
        """The graph, its result, and how many tensors `forward` reads."""
        traced = self._trace()
        placeholders = [node for node in traced.graph.nodes if node.op == "placeholder"]
        free = [node for node in placeholders if not node.args]
        columns = [(entry["name"], 1) for entry in self.graph.inputs]
        if len(free) == 1:
            self.values[free[0]] = Value(self.graph.concat(columns))
        elif len(free) == len(columns):
            self.values.update({node: Value(column) for node, column in zip(free, columns)})
        else:
            raise ExportError(f"forward reads {len(free)} tensors, but there are {len(columns)} inputs")
        for node in traced.graph.nodes:
            if node.op == "output":
                result = self._resolve(node.args[0])
                parts = result if isinstance(result, (tuple, list)) else [result]
                return self.graph, self.graph.concat([self._value(part).at for part in parts]), len(free)
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
        if not is_symbolic(args) and not is_symbolic(kwargs):
            target = getattr(args[0], node.target) if node.op == "call_method" else node.target
            return target(*(args[1:] if node.op == "call_method" else args), **kwargs)
        name = node.target if node.op == "call_method" else getattr(node.target, "__name__", str(node.target))
        return self._function(name.strip("_"), args, kwargs)

    def _value(self, argument):
        """Any argument as a value of the graph."""
        if isinstance(argument, Value):
            return argument
        if isinstance(argument, Condition):
            return Value(argument.number())
        tensor = self.torch.as_tensor(argument, dtype=self.torch.float64).detach()
        if tensor.dim() > 1 and tensor.shape[0] != 1:
            raise ExportError(f"a constant of shape {tuple(tensor.shape)} is used point by point")
        return Value(self.graph.constant(tensor.reshape(-1).tolist()))

    def _module(self, name, module, args):
        nn = self.torch.nn
        if not is_symbolic(args):
            return module(*args)
        x = self._value(args[0])
        if isinstance(module, nn.Linear):
            bias = None if module.bias is None else module.bias.double().tolist()
            return Value(self.graph.dense(x.at, module.weight.double().tolist(), bias, name))
        if isinstance(module, nn.BatchNorm1d):
            if module.running_var is None:
                raise ExportError(f"module {name} (BatchNorm1d) has no running statistics: answers depend on the batch")
            scale = 1 / self.torch.sqrt(module.running_var.double() + module.eps)
            scale = scale if module.weight is None else scale * module.weight.double()
            shift = -module.running_mean.double() * scale
            shift = shift if module.bias is None else shift + module.bias.double()
            return Value(self.graph.unary("scale", x.at, scale=scale.tolist(), shift=shift.tolist()))
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
