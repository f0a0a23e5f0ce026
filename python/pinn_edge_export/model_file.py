"""A `pinn-edge/1` model as it is put together, and how it is written: JSON, with the weights in a `.safetensors` file beside it."""

import json
import math
import os
import re
import struct

from .errors import ExportError
from .same_answers import require_same_answers


class Graph:
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

    def biased(self, x, bias):
        """`x` plus a constant per component: a bias, where x is a layer without one."""
        layer = next((node for node in reversed(self.nodes) if node["name"] == x[0]), {})
        if layer.get("op") != "dense" or "bias" in layer:
            return self.binary("add", x, self.constant(bias))
        name = self.unique(layer["name"])
        self.nodes.append({**layer, "name": name, "bias": self.tensor(f"{layer['name']}.bias", [len(bias)], bias)})
        return name, x[1]

    def _needed(self, value):
        """Nodes and tensors that `value` depends on."""
        used, nodes = {value[0]}, []
        for node in reversed(self.nodes):
            if node["name"] in used:
                nodes.append(node)
                used.update(node.get("inputs", []))
        named = {node[key] for node in nodes for key in ("weight", "bias") if key in node}
        return nodes[::-1], {name: tensor for name, tensor in self.tensors.items() if name in named}

    def write(self, path, value, outputs, name, tolerance, check=None):
        """The model whose outputs are the components of `value`, in their order; what they do not need is left out.

        check: (points, answers) of the framework, which the model must give, too; see same_answers.py.
        """
        width = value[1]
        given = [(o,) if isinstance(o, str) else tuple(o) for o in outputs or []]
        if not given:
            given = [("u",)] if width == 1 else [(f"u{i}",) for i in range(width)]
        if len(given) != width:
            are = "is" if len(given) == 1 else "are"
            raise ExportError(f"the network has {width} output{'s' * (width != 1)}, but {len(given)} {are} named")
        for entry in self.inputs:
            if not entry["min"] < entry["max"]:
                raise ExportError(f"input {entry['name']} has the range {entry['min']} to {entry['max']}")
        nodes, tensors = self._needed(value)
        held = {**{key: data for key, (_, data) in tensors.items()}, **{n["name"]: n["value"] for n in nodes if "value" in n}}
        for key, data in held.items():
            if not all(map(math.isfinite, data)):
                raise ExportError(f"{key} holds numbers that are not finite")
        if check is not None:
            require_same_answers(self.inputs, nodes, tensors, value, *check)
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
            **({"weights": weights} if tensors else {}),
            "nodes": nodes,
        }
        if tensors:
            write_safetensors(os.path.join(os.path.dirname(path), weights), tensors)
        write_whole(path, (json.dumps(model, indent=1, allow_nan=False) + "\n").encode())
        return model


def write_safetensors(path, tensors):
    """F64: 8 bytes of header length, a JSON header, the numbers (https://github.com/huggingface/safetensors)."""
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [offset, offset + 8 * len(data)]}
        offset += 8 * len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    numbers = b"".join(struct.pack(f"<{len(data)}d", *data) for _, data in tensors.values())
    write_whole(path, struct.pack("<Q", len(text)) + text + numbers)


def write_whole(path, content):
    """The file, or nothing: a name of its own first, which takes the place of an earlier file in one step."""
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
