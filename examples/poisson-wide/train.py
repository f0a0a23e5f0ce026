"""Poisson equation on the unit square with a wide network.

    -(u_xx + u_yy) = f,   (x, y) in [0, 1]^2,   u = 0 on the boundary
    f = exp(x) sin(2 pi y) ((5 pi^2 - 1) sin(pi x) - 2 pi cos(pi x))

with the exact solution u = exp(x) sin(pi x) sin(2 pi y), obtained by the
method of manufactured solutions (Roache, J. Fluids Eng. 124 (2002) 4-10).
The factor x (1 - x) y (1 - y) of the network satisfies the boundary
condition exactly (Lagaris et al., IEEE Trans. Neural Netw. 9 (1998) 987-1000),
so the only residual is that of the equation.  Dimensionless.
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
WIDTHS = [2, 128, 128, 128, 1]


def exact(x, y):
    """x, y arrays of one shape -> u of that shape."""
    return np.exp(x) * np.sin(np.pi * x) * np.sin(2 * np.pi * y)


def source(x, y):
    """Right-hand side f."""
    bracket = (5 * jnp.pi**2 - 1) * jnp.sin(jnp.pi * x) - 2 * jnp.pi * jnp.cos(jnp.pi * x)
    return jnp.exp(x) * jnp.sin(2 * jnp.pi * y) * bracket


def u(layers, point):
    """point = (x, y), shape [2] -> scalar u, zero on the boundary."""
    x, y = point
    return x * (1 - x) * y * (1 - y) * pinn.mlp(layers, point)[0]


def equation(layers, point):
    """Residual of the Poisson equation at (x, y)."""
    f = lambda z: u(layers, z)
    u_xx = pinn.derivative(pinn.derivative(f, 0), 0)
    u_yy = pinn.derivative(pinn.derivative(f, 1), 1)
    return u_xx(point) + u_yy(point) + source(point[0], point[1])


def interior_points(rng, n):
    return rng.uniform(0, 1, (n, 2))


TERMS = [pinn.Term("equation", equation, 1.0, interior_points, 1200)]


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    points = pinn.grid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    truth = exact(points[:, 0], points[:, 1])
    network = jax.jit(jax.vmap(u, in_axes=(None, 0)))
    monitor = lambda w: "relative L2 %.2e, max %.2e" % pinn.errors(network(w, points), truth)

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=500)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=80, damping=1.0, most=1.0, monitor=monitor)
    seconds = time.time() - start

    nodes, tensors, last = pinn.mlp_nodes(layers, "xy")
    model = {
        "format": "pinn-edge/1",
        "name": "poisson-wide",
        "description": "Poisson equation on the unit square, boundary condition exact in the graph.",
        "inputs": [
            {"name": "x", "min": 0, "max": 1, "description": "first coordinate"},
            {"name": "y", "min": 0, "max": 1, "description": "second coordinate"},
        ],
        "outputs": [{"name": "u", "value": "u_hard", "description": "potential"}],
        "tolerance": 1e-3,
        "weights": "model.safetensors",
        "nodes": [{"name": "xy", "op": "concat", "inputs": ["x", "y"]}]
        + nodes
        + [
            {"name": "from_right", "op": "scale", "inputs": ["x"], "scale": [-1], "shift": [1]},
            {"name": "from_top", "op": "scale", "inputs": ["y"], "scale": [-1], "shift": [1]},
            {"name": "wall_x", "op": "mul", "inputs": ["x", "from_right"]},
            {"name": "wall_y", "op": "mul", "inputs": ["y", "from_top"]},
            {"name": "wall", "op": "mul", "inputs": ["wall_x", "wall_y"]},
            {"name": "u_hard", "op": "mul", "inputs": ["wall", last]},
        ],
        "physics": {
            "residuals": [
                {
                    "name": "poisson",
                    "expression": "u_xx + u_yy + exp(x)*sin(2*pi*y)"
                    "*((5*pi^2 - 1)*sin(pi*x) - 2*pi*cos(pi*x))",
                }
            ],
            "conditions": [],
            "exact": {"u": "exp(x)*sin(pi*x)*sin(2*pi*y)"},
        },
    }
    pinn.write_model(FOLDER, model, tensors)

    pinn.print_result(FOLDER, layers, seconds, points, truth)


if __name__ == "__main__":
    main()
