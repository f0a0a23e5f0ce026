"""Shared parts of the example trainings: network, optimisers, model file.

A physics-informed neural network is trained here as a non-linear least-squares
problem.  Every `Term` is one kind of residual (the differential equation, the
initial condition, a boundary condition) with its own random collocation points
and a weight.  The loss is

    loss(theta) = sum over terms  weight * mean over points  residual^2 .

Training is a short Adam warm-up followed by Levenberg-Marquardt steps on fresh
collocation points (Marquardt 1963; for networks: Mueller & Zeinhofer 2023,
"Achieving high accuracy with PINNs via energy natural gradient descent").

All training is in float64; the weights are rounded to float32 when written.
"""

import json
import time
from pathlib import Path
from typing import Callable, NamedTuple

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import scipy.interpolate
import scipy.linalg
from jax.flatten_util import ravel_pytree
from safetensors.numpy import load_file, save

# ----------------------------------------------------------------- network


def init_mlp(rng, widths):
    """Glorot-normal weights and zero biases.

    Returns a list of (W, b), W of shape [out, in], b of shape [out].
    """
    layers = []
    for fan_in, fan_out in zip(widths[:-1], widths[1:]):
        deviation = np.sqrt(2.0 / (fan_in + fan_out))
        weight = rng.normal(0.0, deviation, (fan_out, fan_in))
        layers.append((jnp.array(weight), jnp.zeros(fan_out)))
    return layers


def mlp(layers, x):
    """Multi-layer perceptron with tanh; x of shape [in] -> [out]."""
    for weight, bias in layers[:-1]:
        x = jnp.tanh(weight @ x + bias)
    weight, bias = layers[-1]
    return weight @ x + bias


def derivative(f, axis):
    """The function point -> d f / d point[axis], by forward differentiation."""

    def df(point):
        direction = jnp.zeros_like(point).at[axis].set(1.0)
        return jax.jvp(f, (point,), (direction,))[1]

    return df


# ---------------------------------------------------------------- training


class Term(NamedTuple):
    """One kind of residual in the loss."""

    name: str
    residual: Callable  # (layers, point [d]) -> scalar
    weight: float
    points: Callable  # (rng, n) -> collocation points, shape [n, d]
    count: int  # points per Levenberg-Marquardt step


def _vector_residuals(terms, unravel):
    """The function (theta [p], batch) -> weighted residuals [n].

    `batch` holds one array of points per term; the loss is the squared norm.
    """

    def residuals(theta, batch):
        layers = unravel(theta)
        parts = []
        for term, points in zip(terms, batch):
            values = jax.vmap(lambda z: term.residual(layers, z))(points)
            parts.append(np.sqrt(term.weight / len(points)) * values)
        return jnp.concatenate(parts)

    return residuals


def _jacobian(terms, unravel):
    """The function (theta [p], batch) -> Jacobian of the residuals [n, p]."""

    def jacobian(theta, batch):
        parts = []
        for term, points in zip(terms, batch):
            row = jax.grad(lambda th, z: term.residual(unravel(th), z))
            rows = jax.vmap(row, in_axes=(None, 0))(theta, points)
            parts.append(np.sqrt(term.weight / len(points)) * rows)
        return jnp.concatenate(parts)

    return jacobian


def _sample(terms, rng, factor):
    return [term.points(rng, max(1, round(factor * term.count))) for term in terms]


def train_adam(terms, layers, rng, steps, rate=2e-3, factor=0.25):
    """Adam with a cosine-decaying rate; new points at every step."""
    theta, unravel = ravel_pytree(layers)
    residuals = _vector_residuals(terms, unravel)
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps, alpha=0.05))
    state = optimiser.init(theta)

    @jax.jit
    def step(theta, state, batch):
        loss, slope = jax.value_and_grad(lambda th: jnp.sum(residuals(th, batch) ** 2))(theta)
        update, state = optimiser.update(slope, state)
        return theta + update, state, loss

    start = time.time()
    for i in range(steps):
        theta, state, loss = step(theta, state, _sample(terms, rng, factor))
        if (i + 1) % max(1, steps // 5) == 0:
            print(f"adam {i + 1:5d}  loss {loss:.3e}  {time.time() - start:6.1f} s", flush=True)
    return unravel(theta)


def train_levenberg_marquardt(
    terms, layers, rng, steps, damping=1e-2, check=2.0, most=4.0, monitor=None, every=10
):
    """Levenberg-Marquardt on fresh collocation points at every step.

    The step solves (J^T J + mu I) s = -J^T r, in its dual form
    s = -J^T (J J^T + mu I)^-1 r when there are fewer residuals than weights.
    Three values of the damping mu (and one half step) are tried; the best one
    on a second, larger set of points (`check` times as many) is taken.  When
    none of them lowers the loss there, nothing is taken: the step follows the
    chance of its points rather than the loss.  The number of points then grows
    by half, up to `most` times the counts of the terms.

    monitor: optional function layers -> text, printed every `every` steps.
    """
    theta, unravel = ravel_pytree(layers)
    residuals = jax.jit(_vector_residuals(terms, unravel))
    jacobian = jax.jit(_jacobian(terms, unravel))
    loss = jax.jit(lambda th, batch: jnp.sum(residuals(th, batch) ** 2))

    start = time.time()
    size = 1.0
    for i in range(steps):
        batch = _sample(terms, rng, size)
        second = _sample(terms, rng, size * check)
        r = np.asarray(residuals(theta, batch))
        jac = np.asarray(jacobian(theta, batch))  # [n, p]
        dual = jac.shape[0] < jac.shape[1]
        # dsyrk wants column order: jac.T is that view, without a copy.
        gram = scipy.linalg.blas.dsyrk(1.0, jac.T, trans=1 if dual else 0, lower=0)
        diagonal = np.arange(len(gram))
        original = gram[diagonal, diagonal].copy()
        right = r if dual else jac.T @ r

        before = float(loss(theta, second))
        best = (before, theta, None)
        for mu in (damping / 5, damping, damping * 5):
            gram[diagonal, diagonal] = original + mu
            try:
                factor = scipy.linalg.cho_factor(gram, lower=False, check_finite=False)
            except np.linalg.LinAlgError:
                continue
            solution = scipy.linalg.cho_solve(factor, right, check_finite=False)
            step = -(jac.T @ solution) if dual else -solution
            for length in (1.0, 0.5):
                trial = theta + length * step
                after = float(loss(trial, second))
                if after < best[0]:
                    best = (after, trial, mu)
        del jac
        points = len(r)
        after, theta, mu = best
        if mu is None:
            size = min(1.5 * size, most)
            damping = min(2 * damping, 1.0)
        else:
            damping = min(max(mu, 1e-15), 1.0)
        if (i + 1) % every == 0 or i + 1 == steps:
            text = monitor(unravel(theta)) if monitor else ""
            print(
                f"lm {i + 1:5d}  loss {before:.3e} -> {after:.3e}  damping {damping:.1e}"
                f"  points {points}  {time.time() - start:6.1f} s  {text}",
                flush=True,
            )
    return unravel(theta)


# -------------------------------------------------------------- model file


def mlp_nodes(layers, source, prefix=""):
    """Graph nodes and tensors of an `mlp` applied to the value `source`.

    Returns (nodes, tensors, name of the last value).  Tensors are float32.
    """
    nodes, tensors = [], {}
    value = source
    for k, (weight, bias) in enumerate(layers, start=1):
        tensors[f"{prefix}l{k}.weight"] = np.asarray(weight, dtype=np.float32)
        tensors[f"{prefix}l{k}.bias"] = np.asarray(bias, dtype=np.float32)
        last = k == len(layers)
        name = f"{prefix}net" if last else f"{prefix}z{k}"
        nodes.append(
            {
                "name": name,
                "op": "dense",
                "inputs": [value],
                "weight": f"{prefix}l{k}.weight",
                "bias": f"{prefix}l{k}.bias",
            }
        )
        value = name
        if not last:
            value = f"{prefix}h{k}"
            nodes.append({"name": value, "op": "tanh", "inputs": [name]})
    return nodes, tensors, value


def write_model(folder, model, tensors):
    """Writes model.json and model.safetensors (pinn-edge/1) into `folder`."""
    for name, tensor in tensors.items():
        if not np.all(np.isfinite(tensor)):
            raise ValueError(f"tensor {name} is not finite")
    (Path(folder) / "model.safetensors").write_bytes(save(tensors))
    text = json.dumps(model, indent=2, ensure_ascii=False)
    (Path(folder) / "model.json").write_text(text + "\n", encoding="utf-8")


def velocity_model(name, description, layers, physics):
    """Model and tensors of an `mlp` whose inputs are x in [-1, 1] and t in [0, 1] and whose output is the velocity u."""
    nodes, tensors, last = mlp_nodes(layers, "xt")
    model = {
        "format": "pinn-edge/1",
        "name": name,
        "description": description,
        "inputs": [
            {"name": "x", "min": -1, "max": 1, "description": "position"},
            {"name": "t", "min": 0, "max": 1, "description": "time"},
        ],
        "outputs": [{"name": "u", "value": last, "description": "velocity"}],
        "tolerance": 1e-3,
        "weights": "model.safetensors",
        "nodes": [{"name": "xt", "op": "concat", "inputs": ["x", "t"]}] + nodes,
        "physics": physics,
    }
    return model, tensors


def write_reference(folder, points, outputs, source):
    """Writes reference.json: points [n, d], outputs {name: [n]}."""
    document = {
        "points": np.asarray(points).tolist(),
        "outputs": {name: np.asarray(values).tolist() for name, values in outputs.items()},
        "source": source,
    }
    (Path(folder) / "reference.json").write_text(json.dumps(document) + "\n", encoding="utf-8")


_UNARY = {
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "neg": np.negative,
    "reciprocal": np.reciprocal,
    "asinh": np.arcsinh,
}
_BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


def evaluate(folder, points):
    """Evaluates the model file in `folder` in float64, independent of JAX.

    points: [n, number of inputs] in the units of the file.
    Returns {output name: [n]} in engineering units.
    """
    folder = Path(folder)
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    tensors = {k: v.astype(np.float64) for k, v in load_file(str(folder / model["weights"])).items()}
    points = np.asarray(points, dtype=np.float64)
    values = {entry["name"]: points[:, [i]] for i, entry in enumerate(model["inputs"])}
    for node in model["nodes"]:
        arguments = [values[name] for name in node.get("inputs", [])]
        op = node["op"]
        if op == "dense":
            result = arguments[0] @ tensors[node["weight"]].T + tensors[node["bias"]]
        elif op == "concat":
            result = np.concatenate(arguments, axis=1)
        elif op == "slice":
            result = arguments[0][:, node["start"] : node["stop"]]
        elif op == "scale":
            result = arguments[0] * np.array(node.get("scale", [1.0])) + np.array(node.get("shift", [0.0]))
        elif op == "pow":
            result = arguments[0] ** node["exponent"]
        elif op == "spline":
            result = _spline(arguments[0], tensors[node["coefficients"]], node["degree"], *node["ranges"])
        elif op == "constant":
            result = np.tile(np.array(node["value"], dtype=np.float64), (len(points), 1))
        elif op in _UNARY:
            result = _UNARY[op](arguments[0])
        elif op in _BINARY:
            result = _BINARY[op](*arguments)
        else:
            raise ValueError(f"unknown operation {op}")
        values[node["name"]] = result
    return {
        out["name"]: out.get("scale", 1.0) * values[out["value"]][:, out.get("index", 0)] + out.get("offset", 0.0)
        for out in model["outputs"]
    }


def _spline(x, coefficients, degree, ends):
    """Splines of one argument, x [n, 1], with equal segments: coefficients [out, segments + degree] -> [n, out]."""
    segments = coefficients.shape[1] - degree
    knots = ends[0] + (ends[1] - ends[0]) * np.arange(-degree, segments + degree + 1) / segments
    return scipy.interpolate.BSpline(knots, coefficients.T, degree)(x[:, 0])


# ---------------------------------------------------------------- reports


def grid(*axes):
    """All combinations of the axis values as points [n, d]."""
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)


def errors(value, truth):
    """(relative L2 error, maximum error) of `value` against `truth`."""
    difference = np.asarray(value) - np.asarray(truth)
    return np.linalg.norm(difference) / np.linalg.norm(truth), np.max(np.abs(difference))


def print_result(folder, layers, seconds, points, truth):
    """What training took and how far the output u of the written model is from the true solution."""
    print(f"parameters {parameter_count(layers)}, training time {seconds:.0f} s")
    value = evaluate(folder, points)["u"]
    print("written model: relative L2 error %.2e, maximum error %.2e" % errors(value, truth))


def parameter_count(layers):
    return sum(weight.size + bias.size for weight, bias in layers)
