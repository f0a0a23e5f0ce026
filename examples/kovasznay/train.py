"""Kovasznay flow behind a grid, trained as a PINN of its stream function.

    u u_x + v u_y = -p_x + nu (u_xx + u_yy)
    u v_x + v v_y = -p_y + nu (v_xx + v_yy)     x in [-0.5, 1], y in [-0.5, 1.5]

The network gives the stream function psi and the pressure p; the velocities
are its derivatives, u = psi_y and v = -psi_x, so that the flow has no
divergence whatever the weights are.  The exact solution (Kovasznay, Math. Proc.
Cambridge Phil. Soc. 44 (1948) 58) gives boundary values only.
All quantities are dimensionless; the Reynolds number is 40.
"""

import sys
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "common"))
import pinn  # noqa: E402  (also switches JAX to float64)
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

SEED = 1
WIDTHS = [2, 24, 24, 24, 2]
REYNOLDS = 40.0
NU = 1 / REYNOLDS
LAMBDA = REYNOLDS / 2 - np.sqrt(REYNOLDS**2 / 4 + 4 * np.pi**2)
LOW, HIGH = np.array([-0.5, -0.5]), np.array([1.0, 1.5])


def exact(x, y):
    """x and y arrays of one shape -> (psi, u, v, p), each of that shape."""
    decay = jnp.exp(LAMBDA * x)
    psi = y - decay * jnp.sin(2 * np.pi * y) / (2 * np.pi)
    u = 1 - decay * jnp.cos(2 * np.pi * y)
    v = LAMBDA / (2 * np.pi) * decay * jnp.sin(2 * np.pi * y)
    return psi, u, v, (1 - decay**2) / 2


def fields(layers):
    """The functions u, v, p and psi of a point (x, y), shape [2] -> scalar."""
    psi = lambda z: pinn.mlp(layers, z)[0]
    p = lambda z: pinn.mlp(layers, z)[1]
    psi_x = pinn.derivative(psi, 0)
    return pinn.derivative(psi, 1), lambda z: -psi_x(z), p, psi


def momentum(axis):
    """Residual of the momentum equation along an axis, at (x, y)."""

    def residual(layers, point):
        u, v, p, _ = fields(layers)
        along = (u, v)[axis]
        slope = [pinn.derivative(along, k) for k in (0, 1)]
        bend = sum(pinn.derivative(slope[k], k)(point) for k in (0, 1))
        carried = u(point) * slope[0](point) + v(point) * slope[1](point)
        return carried + pinn.derivative(p, axis)(point) - NU * bend

    return residual


def misfit(k):
    """Misfit of the boundary values of u, v, p or psi (k = 0 .. 3)."""

    def residual(layers, point):
        psi, u, v, p = exact(point[0], point[1])
        return fields(layers)[k](point) - (u, v, p, psi)[k]

    return residual


def interior_points(rng, n):
    return rng.uniform(LOW, HIGH, (n, 2))


def boundary_points(rng, n):
    points = rng.uniform(LOW, HIGH, (n, 2))
    side = rng.integers(0, 4, n)
    for axis in (0, 1):
        points[side == axis, axis] = LOW[axis]
        points[side == axis + 2, axis] = HIGH[axis]
    return points


def corner(rng, n):
    """What fixes the constants of psi and p, which the equations leave open."""
    return np.tile(HIGH, (n, 1))


TERMS = [
    pinn.Term("momentum x", momentum(0), 1.0, interior_points, 500),
    pinn.Term("momentum y", momentum(1), 1.0, interior_points, 500),
    pinn.Term("u", misfit(0), 10.0, boundary_points, 200),
    pinn.Term("v", misfit(1), 10.0, boundary_points, 200),
    pinn.Term("p", misfit(2), 10.0, corner, 1),
    pinn.Term("psi", misfit(3), 10.0, corner, 1),
]


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    points = pinn.grid(np.linspace(LOW[0], HIGH[0], 76), np.linspace(LOW[1], HIGH[1], 101))
    _, *truth = (np.asarray(f) for f in exact(points[:, 0], points[:, 1]))
    network = jax.jit(jax.vmap(lambda w, z: jnp.stack([f(z) for f in fields(w)[:3]]), in_axes=(None, 0)))

    def monitor(w):
        got = np.asarray(network(w, points))
        parts = [pinn.errors(got[:, k], truth[k]) for k in range(3)]
        return "relative L2 (max) " + ", ".join(f"{n} {a:.2e} ({b:.2e})" for n, (a, b) in zip("uvp", parts))

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=1000)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=140, most=2.0, monitor=monitor)
    seconds = time.time() - start

    nodes, tensors, last = pinn.mlp_nodes(layers, "xy")
    model = {
        "format": "pinn-edge/1",
        "name": "kovasznay",
        "description": "Kovasznay flow at Reynolds number 40: velocities as derivatives of a stream function.",
        "inputs": [
            {"name": "x", "min": LOW[0], "max": HIGH[0], "description": "along the stream"},
            {"name": "y", "min": LOW[1], "max": HIGH[1], "description": "across the stream"},
        ],
        "outputs": [
            {"name": "psi", "value": last, "index": 0, "hidden": True, "description": "stream function"},
            {"name": "u", "expression": "psi_y", "description": "velocity along x"},
            {"name": "v", "expression": "-psi_x", "description": "velocity along y"},
            {"name": "p", "value": last, "index": 1, "description": "pressure"},
        ],
        "tolerance": 1e-3,
        "weights": "model.safetensors",
        "nodes": [{"name": "xy", "op": "concat", "inputs": ["x", "y"]}] + nodes,
        "physics": {
            "parameters": {"nu": NU, "lambda": LAMBDA},
            "residuals": [
                {"name": "momentum_x", "expression": "u*u_x + v*u_y + p_x - nu*(u_xx + u_yy)"},
                {"name": "momentum_y", "expression": "u*v_x + v*v_y + p_y - nu*(v_xx + v_yy)"},
            ],
            "conditions": [
                {"name": f"{q} at {name}", "where": where, "expression": expression, "weight": 10}
                for name, where in (("left", "x = -0.5"), ("right", "x = 1"), ("bottom", "y = -0.5"), ("top", "y = 1.5"))
                for q, expression in (
                    ("u", "u - 1 + exp(lambda*x)*cos(2*pi*y)"),
                    ("v", "v - lambda/(2*pi)*exp(lambda*x)*sin(2*pi*y)"),
                )
            ]
            + [
                {"name": "p at the corner", "where": "x = 1, y = 1.5", "expression": "p - (1 - exp(2*lambda))/2", "weight": 10},
                {"name": "psi at the corner", "where": "x = 1, y = 1.5", "expression": "psi - 1.5", "weight": 10},
            ],
            "exact": {
                "u": "1 - exp(lambda*x)*cos(2*pi*y)",
                "v": "lambda/(2*pi)*exp(lambda*x)*sin(2*pi*y)",
                "p": "(1 - exp(2*lambda*x))/2",
            },
        },
    }
    pinn.write_model(FOLDER, model, tensors)

    rounded = [(jnp.asarray(w, jnp.float32).astype(float), jnp.asarray(b, jnp.float32).astype(float)) for w, b in layers]
    print(f"parameters {pinn.parameter_count(layers)}, training time {seconds:.0f} s")
    print("written model: " + monitor(rounded))


if __name__ == "__main__":
    main()
