"""Exports networks by pinn_edge_export: python export_check.py <folder> <part>, such as torch or jax.

Writes <name>.json models and answers.json: per model the points and the framework's own answers.
"""

import functools
import json
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../python"), os.path.join(HERE, "fixtures")]
from pinn_edge_export import (  # noqa: E402
    ExportError,
    export_deepxde,
    export_equinox,
    export_flax,
    export_jax,
    export_keras,
    export_torch,
    export_tree,
)

FOLDER, PART = sys.argv[1:]
ANSWERS = {}


def keep(name, points, outputs):
    ANSWERS[name] = {"points": [[float(v) for v in p] for p in points], "outputs": [[float(v) for v in o] for o in outputs]}


def place(name):
    return os.path.join(FOLDER, f"{name}.json")


def must_refuse(words, export, *args, **kwargs):
    """The export raises an ExportError with these words and writes nothing."""
    try:
        export(*args, place("refused"), [("x", -1, 1), ("t", 0, 2)], **kwargs)
    except ExportError as error:
        assert words in str(error), f"{words!r} is not in: {error}"
        assert not os.path.exists(place("refused")) and not os.path.exists(place("refused")[:-4] + "safetensors")
    else:
        raise AssertionError(f"nothing refused: {words}")


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


    # Batch statistics are used in evaluation, too.
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1))
    must_refuse("BatchNorm1d", export_torch, net)
    must_refuse("sort", export_torch, type("Sorted", (nn.Module,), {"forward": lambda self, v: torch.sort(v, 1)[0]})())
    must_refuse("finite over the box", export_torch, type("Log", (nn.Module,), {"forward": lambda self, v: torch.log(v - 3)})())


def with_deepxde(backend):
    os.environ["DDE_BACKEND"] = backend
    import deepxde as dde
    import numpy as np

    dde.config.set_default_float("float64")
    if backend == "pytorch":
        import torch as np_like

        np_like.set_default_device("cpu")
        join = np_like.cat
    else:
        import jax.numpy as np_like

        join = np_like.concatenate
    geometry = dde.geometry.GeometryXTime(dde.geometry.Rectangle([-1, 0], [2, 1]), dde.geometry.TimeDomain(0, 3))
    data = dde.data.TimePDE(geometry, lambda x, u: u[0] if backend == "jax" else u, [], num_domain=10)
    points = np.random.default_rng(2).uniform([-1, 0, 0], [2, 1, 3], (9, 3))
    nets = {
        "dde-fnn": dde.nn.FNN([3, 8, 8, 1], "tanh", "Glorot normal"),
        "dde-transforms": dde.nn.FNN([3, 8, 1], "silu", "Glorot normal"),
    }
    if backend == "pytorch":
        nets["dde-pfnn"] = dde.nn.PFNN([3, [6, 6], [6, 6], 2], "sin", "Glorot normal")
    for name, net in nets.items():
        if name == "dde-transforms":
            net.apply_feature_transform(
                lambda x: join([np_like.sin(math.pi * x[:, 0:1]), np_like.cos(math.pi * x[:, 1:2]), x[:, 2:3]], 1)
            )
            net.apply_output_transform(
                lambda x, u: x[:, 0:1] ** 2 * (1 - x[:, 1:2]) * np_like.tanh(x[:, 2:3]) * u + np_like.exp(-x[:, 2:3])
            )
        model = dde.Model(data, net)
        model.compile("adam", lr=1e-3, verbose=0)
        written = export_deepxde(model, place(name))
        assert [(i["name"], i["min"], i["max"]) for i in written["inputs"]] == [("x", -1, 2), ("y", 0, 1), ("t", 0, 3)], written["inputs"]
        keep(name, points, model.predict(points))


def with_jax():
    import equinox
    import jax
    import numpy as np
    from flax import linen, nnx

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    points = np.random.default_rng(3).uniform([-1, 0], [1, 2], (9, 2))
    at = jnp.asarray(points)
    ranges = [("x", -1, 1, "m"), ("t", 0, 2)]
    key = jax.random.PRNGKey(0)

    class Plain(linen.Module):
        @linen.compact
        def __call__(self, x):
            for _ in range(11):
                x = jnp.sin(linen.Dense(4, param_dtype=jnp.float64)(x))
            return linen.Dense(2, param_dtype=jnp.float64)(x)

    tree = jax.jit(Plain().init)(key, at)
    export_tree(tree, place("tree"), ranges, [("u", "m/s"), "v"], activation="sin")
    keep("tree", points, Plain().apply(tree, at))

    class Gated(linen.Module):
        """A modified MLP of every activation, with normalisation and a dropout that is off."""

        @linen.compact
        def __call__(self, x, train=True):
            features = jnp.concatenate([jnp.sin(jnp.pi * x[:, 0:1]), x[:, 1:2]], -1)
            u, v = linen.Dense(6)(features), linen.Dense(6)(x)
            for activation in (
                linen.silu, linen.gelu, linen.softplus, linen.tanh, linen.elu, linen.relu, linen.selu, linen.leaky_relu,
                linen.sigmoid, linen.hard_sigmoid, linen.log_sigmoid, jax.nn.mish, jax.nn.celu, jax.nn.relu6, jax.nn.hard_tanh,
                lambda z: jax.nn.gelu(z, approximate=False), lambda z: jax.nn.leaky_relu(z, 0.3), lambda z: jax.nn.elu(z, 0.7),
            ):  # fmt: skip
                h = activation(linen.Dense(6)(x))
                x = linen.Dropout(0.5, deterministic=not train)(linen.LayerNorm()(h * u + (1 - h) * v))
            return linen.Dense(2)(x)

    variables = jax.jit(functools.partial(Gated().init, train=False))(key, at)
    export_flax(Gated(), place("linen"), ranges, variables=variables, train=False)
    keep("linen", points, jax.jit(functools.partial(Gated().apply, train=False))(variables, at))
    must_refuse("variables", export_flax, Gated())

    class Nnx(nnx.Module):
        def __init__(self, rngs):
            self.a, self.b = nnx.Linear(2, 6, rngs=rngs), nnx.Linear(6, 1, rngs=rngs)
            self.norm, self.drop = nnx.BatchNorm(6, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.b(self.drop(self.norm(jnp.tanh(self.a(x)))))

    module = Nnx(nnx.Rngs(0))
    module(at)
    export_flax(module, place("nnx"), ranges)
    statistics = np.asarray(module.norm.mean[...])
    module.eval()
    keep("nnx", points, module(at))
    module.train()
    module(at)
    assert not np.array_equal(statistics, np.asarray(module.norm.mean[...])), "the export has left the module in evaluation mode"

    for name, out in {"equinox": 2, "equinox-scalar": "scalar"}.items():
        mlp = equinox.nn.MLP(2, out, 8, 3, jnp.tanh, key=key)
        export_equinox(mlp, place(name), ranges)
        keep(name, points, np.asarray(jax.vmap(mlp)(at)).reshape(9, -1))

    matrix, stacked = jax.random.normal(key, (2, 5)), jax.random.normal(key, (3, 6, 6))

    def everything(x):
        h = x @ matrix
        h = jnp.concatenate([jnp.sin(h), jnp.cos(h)], -1)[:, :6]
        h, _ = jax.lax.scan(lambda c, w: (jnp.tanh(c @ w), None), h, stacked)
        dot = jnp.einsum("ni,ni->n", h, 2 * h)
        chosen = jnp.where((x[:, 0] > 0) & ~(x[:, 1] > 1) | (dot < 0.5), dot, jnp.exp(-dot))
        columns = jnp.stack([chosen, jnp.clip(x[:, 1], 0.2, 0.7), jnp.max(h, 1), jnp.prod(h, 1), jnp.sign(x[:, 0])], -1)
        square = h.reshape(-1, 2, 3)
        return (
            columns.at[:, 1].set(x[:, 1]),
            (matrix.T @ x.T).T,
            jnp.einsum("nij,nkj->nik", square, square).reshape(-1, 4),
            jnp.linalg.norm(h, axis=1), jnp.hypot(x[:, 0], x[:, 1]), jax.nn.softmax(h), 2.0**x, jnp.log1p(x[:, 1]), jnp.expm1(x),
            jnp.sinc(x[:, :1]), jnp.power(x[:, 1:] + 1, 1.5), jnp.cumsum(h, 1), jnp.round(3 * x), jnp.heaviside(x, 0.5),
            jnp.flip(h, 1), jnp.abs(h).mean(1), jax.nn.logsumexp(h, axis=1), (x @ matrix[:, :3]).T.T, x.min(1), jax.scipy.special.erfc(x), jax.lax.rsqrt(x + 2),
        )  # fmt: skip

    export_jax(everything, place("everything"), ranges)
    keep("everything", points, np.concatenate([np.asarray(part).reshape(9, -1) for part in jax.jit(everything)(at)], -1))
    at_ends = np.array([[0, 1], [0, 0.5], [0.3, 1]])
    sides = [lambda x, c=c: jnp.where(c(x[:, 0], 0) ^ c(x[:, 1], 1), 1.0, 2.0) for c in (jnp.less, jnp.less_equal, jnp.equal, jnp.not_equal)]
    for i, side in enumerate(sides):
        export_jax(side, place(f"side{i}"), ranges)
        keep(f"side{i}", at_ends, np.asarray(side(jnp.asarray(at_ends)))[:, None])

    must_refuse("other points of the batch", export_jax, lambda x: x - x.mean(0))
    must_refuse("argmax", export_jax, lambda x: jnp.argmax(x, 1))
    must_refuse("int", export_jax, lambda x: x.astype(int) * 1.0)
    must_refuse("jnp.where", export_jax, lambda x: jax.lax.cond(x[0, 0] > 0, lambda y: y, lambda y: -y, x))
    must_refuse("cannot trace", export_jax, lambda x: x if x[0, 0] > 0 else -x)
    must_refuse("finite over the box", export_jax, lambda x: jnp.log(x))
    must_refuse("one row per point", export_jax, lambda x: x[0])
    must_refuse("has 2 outputs, but 3 are named", export_jax, lambda x: x, outputs=["u", "v", "w"])
    must_refuse("has 1 output, but 2 are named", export_jax, lambda x: x[:, 0], outputs=["u", "v"])


def with_keras(backend):
    os.environ["KERAS_BACKEND"] = backend
    import keras
    import numpy as np

    keras.config.set_floatx("float64")
    keras.utils.set_random_seed(1)
    layers, ops = keras.layers, keras.ops

    @keras.saving.register_keras_serializable()
    class Periodic(layers.Layer):
        def call(self, x):
            return ops.concatenate([ops.sin(2 * x[:, 0:1]), ops.cos(2 * x[:, 0:1]), x[:, 1:2]], axis=-1)

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.last = layers.Dense(5, activation="swish"), layers.Dense(1)

        def call(self, x):
            return self.last(self.hidden(x)) * ops.sin(x[:, 0:1])

    x, t = keras.Input((1,), name="x"), keras.Input((1,), name="t")
    h = layers.Dense(6, activation="tanh")(layers.Concatenate()([x, t]))
    skip = layers.Add()([h, layers.Dense(6, activation="gelu")(h)])
    one = keras.Input((2,))
    models = {
        "sequential": keras.Sequential([one, layers.Rescaling(0.5, 0.1), layers.Dense(6, activation="elu"), layers.Dense(2)]),
        "two-inputs": keras.Model([x, t], [layers.Dense(1)(skip), layers.Dense(1)(h)]),
        "named-inputs": keras.Model({"t": t, "x": x}, layers.Dense(1)(skip)),
        "lambda": keras.Sequential([one, layers.Lambda(lambda v: ops.square(v)), layers.Dense(4, activation="relu"), layers.Dense(1)]),
        "own-layer": keras.Model(one, layers.Dense(1)(layers.Dropout(0.2)(layers.BatchNormalization()(Periodic()(one))))),
        "subclassed": Subclassed(),
    }
    points = np.random.default_rng(4).uniform([-1, 0], [1, 2], (9, 2))
    for name, model in models.items():
        columns = {"two-inputs": [points[:, :1], points[:, 1:]], "named-inputs": {"t": points[:, :1], "x": points[:, 1:]}}
        answers = model(columns.get(name, points), training=False)
        answers = [keras.ops.convert_to_numpy(part) for part in (answers if isinstance(answers, (list, tuple)) else [answers])]
        written = export_keras(model, place(name), [("x", -1, 1, "m"), ("t", 0, 2)], command=os.environ["PINN_EDGE"].split())
        assert [(i["name"], i["max"]) for i in written["inputs"]] == [("x", 1), ("t", 2)], written["inputs"]
        keep(name, points, np.concatenate(answers, -1))


PARTS = {
    "torch": with_torch,
    "jax": with_jax,
    "deepxde-pytorch": lambda: with_deepxde("pytorch"),
    "deepxde-jax": lambda: with_deepxde("jax"),
    "keras-jax": lambda: with_keras("jax"),
    "keras-torch": lambda: with_keras("torch"),
}
PARTS[PART]()
with open(os.path.join(FOLDER, "answers.json"), "w") as f:
    json.dump(ANSWERS, f)
