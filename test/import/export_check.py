"""Exports networks by pinn_edge_export.py with the frameworks that are installed: python export_check.py <folder>.

Writes <name>.json models and answers.json: per model the points and the framework's own answers.
"""

import json
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../compiler/import"), os.path.join(HERE, "fixtures")]
from pinn_edge_export import ExportError, export_deepxde, export_torch, export_tree  # noqa: E402

FOLDER = sys.argv[1]
ANSWERS = {}


def keep(name, points, outputs):
    ANSWERS[name] = {"points": [[float(v) for v in p] for p in points], "outputs": [[float(v) for v in o] for o in outputs]}


def with_torch():
    import torch
    from make import NETWORKS, evaluate, sample
    from torch import nn

    class Choices(nn.Module):
        def forward(self, v):
            x, y = v[:, 0:1], v[:, 1]
            f = nn.functional
            return torch.cat(
                [
                    f.hardtanh(x, -0.5, 0.75), (x >= 0.5).to(x.dtype) * 3, torch.where(x <= 0.2, x, x**2), x.clamp(min=0),
                    torch.stack([y, torch.square(y)], -1), y.unsqueeze(1).abs(), torch.maximum(x, y[:, None]), 1 - x, 2 / (x + 5),
                    v.mean(1, keepdim=True), (v * v).sum(-1, keepdim=True).sqrt(), f.elu(x, 0.5), f.gelu(x, approximate="tanh"),
                ],
                1,
            )  # fmt: skip

    class Truths(nn.Module):
        """At points where the operands are equal, too."""

        def forward(self, v):
            x, y = v[:, 0:1], v[:, 1:2]
            sides = [x > 0.5, x >= 0.5, x < 0.5, x <= 0.5, x == 0.5, x != 0.5]
            others = [y > 0, y >= 0, y < 0, y <= 0, y == 0, ~(y > 0)]
            joined = [p & q for p in sides for q in others] + [p | q for p in sides for q in others]
            joined += [p ^ q for p in sides for q in others] + [~(p & q) for p in sides for q in others]
            joined += [torch.logical_and(p, torch.logical_not(q)) for p in sides for q in others]
            return torch.cat([torch.where(both, 1.0, 0.0) for both in joined], 1)

    class Functions(nn.Module):
        def forward(self, v):
            x = v[:, 0:1]
            return torch.cat(
                [
                    torch.tan(x), torch.asin(x / 2), torch.acos(x / 2), torch.sinh(x), torch.cosh(x), torch.asinh(x), torch.acosh(x + 3),
                    torch.atanh(x / 3), torch.floor(x), torch.ceil(x), torch.round(x),
                ],
                1,
            )  # fmt: skip

    NETWORKS["choices"] = (Choices, ["x", "y"])
    NETWORKS["truths"] = (Truths, ["x", "y"])
    NETWORKS["functions"] = (Functions, ["x", "y"])

    for name, (make, inputs) in NETWORKS.items():
        if name == "shapes":
            continue
        torch.manual_seed(1)
        net = make().double().eval()
        points = sample(len(inputs))
        if name == "activations":
            points[:, 0] = 1.05 + 0.95 * points[:, 0]
        if name == "truths":
            points[:6] = [[0.5, 0], [0.5, 0.3], [0.5, -0.3], [0.2, 0], [0.9, 0], [1, 1]]
        try:
            export_torch(net, os.path.join(FOLDER, f"{name}.json"), [(n, -1 if name != "activations" else 0.1, 2) for n in inputs], None)
        except ExportError as error:
            print(f"refused: {name}: {error}")
            continue
        keep(name, points, evaluate(net, points, name == "separate"))


def with_deepxde():
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde as dde
    import numpy as np
    import torch

    dde.config.set_default_float("float64")
    torch.set_default_device("cpu")
    geometry = dde.geometry.GeometryXTime(dde.geometry.Rectangle([-1, 0], [2, 1]), dde.geometry.TimeDomain(0, 3))
    data = dde.data.TimePDE(geometry, lambda x, u: dde.grad.jacobian(u, x, i=0, j=2), [], num_domain=10)
    points = np.random.default_rng(2).uniform([-1, 0, 0], [2, 1, 3], (9, 3))
    for name, net in {
        "dde-fnn": dde.nn.FNN([3, 8, 8, 1], "tanh", "Glorot normal"),
        "dde-pfnn": dde.nn.PFNN([3, [6, 6], [6, 6], 2], "sin", "Glorot normal"),
        "dde-transforms": dde.nn.FNN([3, 8, 1], "silu", "Glorot normal"),
    }.items():
        if name == "dde-transforms":
            net.apply_feature_transform(lambda x: torch.cat([torch.sin(math.pi * x[:, 0:1]), torch.cos(math.pi * x[:, 1:2]), x[:, 2:3]], 1))
            net.apply_output_transform(lambda x, u: x[:, 0:1] ** 2 * (1 - x[:, 1:2]) * torch.tanh(x[:, 2:3]) * u + torch.exp(-x[:, 2:3]))
        model = dde.Model(data, net)
        model.compile("adam", lr=1e-3, verbose=0)
        written = export_deepxde(model, os.path.join(FOLDER, f"{name}.json"))
        assert [(i["name"], i["min"], i["max"]) for i in written["inputs"]] == [("x", -1, 2), ("y", 0, 1), ("t", 0, 3)], written["inputs"]
        keep(name, points, model.predict(points))


def with_jax():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpy as np
    from flax import linen

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            for _ in range(11):
                x = jnp.sin(linen.Dense(4, param_dtype=jnp.float64)(x))
            return linen.Dense(2, param_dtype=jnp.float64)(x)

    points = np.random.default_rng(3).uniform(-1, 1, (9, 2))
    tree = Net().init(jax.random.PRNGKey(0), jnp.asarray(points))
    export_tree(tree, os.path.join(FOLDER, "flax.json"), [("x", -1, 1, "m"), ("t", -1, 1)], [("u", "m/s"), "v"], activation="sin")
    keep("flax", points, Net().apply(tree, jnp.asarray(points)))


for run in (with_torch, with_deepxde, with_jax):
    try:
        run()
    except ImportError as error:
        print(f"left out: {run.__name__}: {error}")
with open(os.path.join(FOLDER, "answers.json"), "w") as f:
    json.dump(ANSWERS, f)
