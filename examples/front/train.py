"""Travelling viscous Burgers front, trained as a PINN.

    u_t + u u_x = nu u_xx,   x in [-1, 1],  t in [0, 1]

The front u = c - a tanh(a (x - x0 - c t) / (2 nu)) is an exact solution
(Whitham, Linear and Nonlinear Waves, 1974, chapter 4).  Only its initial and
boundary values are used in the training, as soft terms of the loss.
All quantities are dimensionless.
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
WIDTHS = [2, 64, 64, 64, 1]
NU = 0.02  # viscosity
SPEED = 0.5  # c, speed of the front
HALF_JUMP = 0.5  # a, half of the jump in u
X0 = -0.25  # position of the front at t = 0


def exact(x, t):
    """The front; x and t arrays of one shape -> u of that shape."""
    return SPEED - HALF_JUMP * jnp.tanh(HALF_JUMP * (x - X0 - SPEED * t) / (2 * NU))


def u(layers, point):
    """point = (x, t), shape [2] -> scalar u."""
    return pinn.mlp(layers, point)[0]


def equation(layers, point):
    """Residual of the Burgers equation at (x, t)."""
    f = lambda z: u(layers, z)
    u_x = pinn.derivative(f, 0)
    u_xx = pinn.derivative(u_x, 0)
    u_t = pinn.derivative(f, 1)
    return u_t(point) + f(point) * u_x(point) - NU * u_xx(point)


def data(layers, point):
    """Misfit of the initial or boundary value at (x, t)."""
    return u(layers, point) - exact(point[0], point[1])


def interior_points(rng, n):
    return rng.uniform([-1, 0], [1, 1], (n, 2))


def initial_points(rng, n):
    return np.stack([rng.uniform(-1, 1, n), np.zeros(n)], axis=1)


def boundary_points(rng, n):
    return np.stack([rng.choice([-1.0, 1.0], n), rng.uniform(0, 1, n)], axis=1)


TERMS = [
    pinn.Term("equation", equation, 1.0, interior_points, 1500),
    pinn.Term("initial", data, 10.0, initial_points, 300),
    pinn.Term("boundary", data, 10.0, boundary_points, 200),
]


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    points = pinn.grid(np.linspace(-1, 1, 201), np.linspace(0, 1, 101))
    truth = np.asarray(exact(points[:, 0], points[:, 1]))
    network = jax.jit(jax.vmap(u, in_axes=(None, 0)))
    monitor = lambda w: "relative L2 %.2e, max %.2e" % pinn.errors(network(w, points), truth)

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=1000)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=60, monitor=monitor)
    seconds = time.time() - start

    physics = {
        "parameters": {"nu": NU, "c": SPEED, "a": HALF_JUMP, "x0": X0},
        "residuals": [{"name": "burgers", "expression": "u_t + u*u_x - nu*u_xx"}],
        "conditions": [
            {"name": name, "where": where, "expression": "u - c + a*tanh(a*(x - x0 - c*t)/(2*nu))", "weight": 10}
            for name, where in (("start", "t = 0"), ("left", "x = -1"), ("right", "x = 1"))
        ],
        "exact": {"u": "c - a*tanh(a*(x - x0 - c*t)/(2*nu))"},
    }
    model, tensors = pinn.velocity_model("front", "Travelling front of the viscous Burgers equation.", layers, physics)
    pinn.write_model(FOLDER, model, tensors)

    pinn.print_result(FOLDER, layers, seconds, points, truth)


if __name__ == "__main__":
    main()
