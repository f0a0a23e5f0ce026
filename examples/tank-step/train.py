"""Two tanks in a row: a network that makes one step, with the inflow as its control.

    A h1_t = u - c sqrt(h1),   A h2_t = c sqrt(h1) - c sqrt(h2)   (Torricelli)

    h1, h2  1 .. 21 cm      levels when the step begins
    u       10 .. 40 cm^3/s inflow, held during the step
    t       0 .. 1 s        length of the step

Every inflow of the range has its equilibrium in the box.  A network that takes
the state, the control and the time within one step, trained by the residual of
the equations alone, is a physics-informed network for control (PINC): Antonelo
et al., Neurocomputing 579 (2024) 127419, arXiv:2104.02556, whose tanks these are
in kind.  The initial condition is exact in the graph:

    h_next = h + t * RATE * N(h1, h2, u, t)
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.integrate

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "common"))
import pinn  # noqa: E402  (also switches JAX to float64)
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

SEED = 1
WIDTHS = [4, 20, 20, 2]

AREA = 30.0  # A, cm^2, cross-section of either tank
OUTLET = 0.2  # cm^2
GRAVITY = 981.0  # cm/s^2
C = OUTLET * np.sqrt(2 * GRAVITY)  # c, cm^2.5/s
RATE = 1.0  # cm/s, about the fastest change of a level

# h1, h2, u, t
LOW = np.array([1.0, 1.0, 10.0, 0.0])
HIGH = np.array([21.0, 21.0, 40.0, 1.0])
FACTOR = 2 / (HIGH - LOW)
SHIFT = -1 - LOW * FACTOR


def levels(layers, point):
    """(h1, h2, u, t), shape [4] -> levels after t, shape [2], cm."""
    return point[:2] + point[3] * RATE * pinn.mlp(layers, FACTOR * point + SHIFT)


def upper(layers, point):
    """Residual of the upper tank, cm/s."""
    f = lambda z: levels(layers, z)
    return pinn.derivative(f, 3)(point)[0] - (point[2] - C * jnp.sqrt(f(point)[0])) / AREA


def lower(layers, point):
    """Residual of the lower tank, cm/s."""
    f = lambda z: levels(layers, z)
    h1, h2 = f(point)
    return pinn.derivative(f, 3)(point)[1] - C * (jnp.sqrt(h1) - jnp.sqrt(h2)) / AREA


def interior_points(rng, n):
    """Half uniform; half with levels denser near the bottom, where the roots are steep."""
    unit = rng.uniform(0, 1, (n, 4))
    unit[: n // 2, :2] **= 2
    return LOW + (HIGH - LOW) * unit


TERMS = [
    pinn.Term("upper", upper, 1.0, interior_points, 1000),
    pinn.Term("lower", lower, 1.0, interior_points, 1000),
]


def integrate(points, steps=1):
    """Levels after each of `steps` steps of the points (h1, h2, u, t), by DOP853: [steps, n, 2]."""
    start, inflow, length = points[:, :2], points[:, 2], points[:, 3]

    def rate(s, flat):
        h1, h2 = np.maximum(flat.reshape(2, -1), 0)
        change = np.stack([inflow - C * np.sqrt(h1), C * np.sqrt(h1) - C * np.sqrt(h2)])
        return (length * change / AREA).ravel()

    solution = scipy.integrate.solve_ivp(
        rate, (0, steps), start.T.ravel(), method="DOP853", rtol=1e-10, atol=1e-10, t_eval=np.arange(1, steps + 1)
    )
    return solution.y.T.reshape(steps, 2, -1).transpose(0, 2, 1)


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    points = LOW + (HIGH - LOW) * np.random.default_rng(2).uniform(0, 1, (2000, 4))
    truth = integrate(points)[0]
    network = jax.jit(jax.vmap(levels, in_axes=(None, 0)))

    def monitor(w):
        return "largest error of one step %.2e cm" % np.max(np.abs(network(w, points) - truth))

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=500)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=100, monitor=monitor)
    seconds = time.time() - start

    # With a prefix: h1 and h2 are the levels here.
    nodes, tensors, last = pinn.mlp_nodes(layers, "normalised", prefix="step_")
    level = {"min": LOW[0], "max": HIGH[0], "unit": "cm"}
    parts = []
    for k in (1, 2):
        parts += [
            {"name": f"net{k}", "op": "slice", "inputs": [last], "start": k - 1, "stop": k},
            {"name": f"speed{k}", "op": "scale", "inputs": [f"net{k}"], "scale": [RATE]},
            {"name": f"change{k}", "op": "mul", "inputs": ["t", f"speed{k}"]},
            {"name": f"after{k}", "op": "add", "inputs": [f"h{k}", f"change{k}"]},
        ]
    model = {
        "format": "pinn-edge/1",
        "name": "tank-step",
        "description": "One step of two tanks in a row, with the inflow as the control.",
        "inputs": [
            {"name": "h1", **level, "description": "level of the upper tank"},
            {"name": "h2", **level, "description": "level of the lower tank"},
            {"name": "u", "min": LOW[2], "max": HIGH[2], "unit": "cm^3/s", "description": "inflow, held in the step"},
            {"name": "t", "min": LOW[3], "max": HIGH[3], "unit": "s", "description": "length of the step"},
        ],
        "outputs": [
            {"name": "h1_next", "value": "after1", "unit": "cm", "description": "level of the upper tank after it"},
            {"name": "h2_next", "value": "after2", "unit": "cm", "description": "level of the lower tank after it"},
        ],
        "state": {"h1": "h1_next", "h2": "h2_next"},
        "tolerance": 1e-4,
        "weights": "model.safetensors",
        "nodes": [
            {"name": "raw", "op": "concat", "inputs": ["h1", "h2", "u", "t"]},
            {
                "name": "normalised",
                "op": "scale",
                "inputs": ["raw"],
                "scale": FACTOR.tolist(),
                "shift": SHIFT.tolist(),
            },
        ]
        + nodes
        + parts,
        "physics": {
            "parameters": {"A": AREA, "c": C},
            "residuals": [
                {"name": "upper", "expression": "h1_next_t - (u - c*sqrt(h1_next))/A"},
                {"name": "lower", "expression": "h2_next_t - c*(sqrt(h1_next) - sqrt(h2_next))/A"},
            ],
        },
    }
    pinn.write_model(FOLDER, model, tensors)

    step = pinn.evaluate(FOLDER, points)
    error = np.abs(np.stack([step["h1_next"], step["h2_next"]], axis=1) - truth)
    print(f"parameters {pinn.parameter_count(layers)}, training time {seconds:.0f} s")
    print(f"written model: largest error of one step {error.max():.2e} cm, root mean square {np.sqrt(np.mean(error**2)):.2e} cm")
    rollout(points[:200])


def rollout(points, steps=1000):
    """Steps of 1 s beside the equations, each trajectory with its own inflow."""
    points = points.copy()
    points[:, 3] = 1.0
    truth = integrate(points, steps)
    now = points.copy()
    largest = 0.0
    for k in range(steps):
        after = pinn.evaluate(FOLDER, now)
        now[:, 0] = np.clip(after["h1_next"], LOW[0], HIGH[0])
        now[:, 1] = np.clip(after["h2_next"], LOW[1], HIGH[1])
        largest = max(largest, np.abs(now[:, :2] - truth[k]).max())
    print(f"{len(points)} trajectories of {steps} steps of 1 s: largest error {largest:.2e} cm")


if __name__ == "__main__":
    main()
