"""The classic PINN benchmark: viscous Burgers equation with a forming shock.

    u_t + u u_x = (0.01 / pi) u_xx,   x in [-1, 1],  t in [0, 1]
    u(x, 0) = -sin(pi x),   u(-1, t) = u(1, t) = 0

Problem and network size (8 hidden layers of 20) from Raissi, Perdikaris and
Karniadakis, J. Comput. Phys. 378 (2019) 686-707, appendix A.  Reference: the
Cole-Hopf formula, as in Basdevant et al., Comput. Fluids 14 (1986) 23-41.
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
WIDTHS = [2] + [20] * 8 + [1]
NU = 0.01 / np.pi  # viscosity


def cole_hopf(x, t, nodes=6001, reach=20.0):
    """Reference solution at x [n], t [n] -> u [n].

    u = -int sin(pi y) g dz / int g dz  with y = x - 2 sqrt(nu t) z and
    g = exp(-cos(pi y) / (2 pi nu) - z^2), by the trapezoidal rule in z, which
    converges exponentially for these integrands.
    """
    z = np.linspace(-reach, reach, nodes)
    u = np.empty(len(x))
    for i, (xi, ti) in enumerate(zip(x, t)):
        y = xi - 2 * np.sqrt(NU * ti) * z
        exponent = -np.cos(np.pi * y) / (2 * np.pi * NU) - z**2
        g = np.exp(exponent - exponent.max())
        u[i] = -np.sum(np.sin(np.pi * y) * g) / np.sum(g)
    return u


def u(layers, point):
    """point = (x, t), shape [2] -> scalar u."""
    return pinn.mlp(layers, point)[0]


def equation(viscosity):
    """The function (layers, point) -> residual of the Burgers equation."""

    def residual(layers, point):
        f = lambda z: u(layers, z)
        u_x = pinn.derivative(f, 0)
        u_xx = pinn.derivative(u_x, 0)
        u_t = pinn.derivative(f, 1)
        return u_t(point) + f(point) * u_x(point) - viscosity * u_xx(point)

    return residual


def initial(layers, point):
    """Misfit of the initial value at (x, 0)."""
    return u(layers, point) + jnp.sin(jnp.pi * point[0])


def boundary(layers, point):
    """Misfit of the boundary value at (-1, t) or (1, t)."""
    return u(layers, point)


def interior_points(rng, n):
    """Half uniform, half close to x = 0 (within about 0.05), where the shock forms."""
    x = rng.uniform(-1, 1, n)
    x[: n // 2] = np.clip(rng.normal(0, 0.05, n // 2), -1, 1)
    return np.stack([x, rng.uniform(0, 1, n)], axis=1)


def initial_points(rng, n):
    return np.stack([rng.uniform(-1, 1, n), np.zeros(n)], axis=1)


def boundary_points(rng, n):
    return np.stack([rng.choice([-1.0, 1.0], n), rng.uniform(0, 1, n)], axis=1)


def terms(viscosity):
    return [
        pinn.Term("equation", equation(viscosity), 1.0, interior_points, 3000),
        pinn.Term("initial", initial, 100.0, initial_points, 300),
        pinn.Term("boundary", boundary, 100.0, boundary_points, 200),
    ]


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    # Test points: a regular grid, refined in x around the shock.
    x = np.sort(np.concatenate([np.linspace(-1, 1, 200), np.linspace(-0.05, 0.05, 50)]))
    points = pinn.grid(x, np.linspace(0, 1, 41))
    truth = cole_hopf(points[:, 0], points[:, 1])
    network = jax.jit(jax.vmap(u, in_axes=(None, 0)))
    monitor = lambda w: "relative L2 %.2e, max %.2e" % pinn.errors(network(w, points), truth)

    start = time.time()
    # Continuation in the viscosity: the shock is sharpened step by step.  With
    # the final viscosity from the start, training stays in a poor minimum.
    layers = pinn.train_adam(terms(0.1), layers, rng, steps=1500)
    for viscosity in (0.1, 0.05, 0.025, 0.012, 0.006):
        print(f"viscosity {viscosity}")
        layers = pinn.train_levenberg_marquardt(terms(viscosity), layers, rng, steps=15, every=5)
    print(f"viscosity {NU:.6f}")
    layers = pinn.train_levenberg_marquardt(terms(NU), layers, rng, steps=140, monitor=monitor)
    seconds = time.time() - start

    physics = {
        "parameters": {"nu": NU},
        "residuals": [{"name": "burgers", "expression": "u_t + u*u_x - nu*u_xx"}],
        "conditions": [
            {"name": "start", "where": "t = 0", "expression": "u + sin(pi*x)", "weight": 100},
            {"name": "left", "where": "x = -1", "expression": "u", "weight": 100},
            {"name": "right", "where": "x = 1", "expression": "u", "weight": 100},
        ],
    }
    description = "Viscous Burgers equation with a forming shock (Raissi et al. 2019)."
    model, tensors = pinn.velocity_model("burgers", description, layers, physics)
    pinn.write_model(FOLDER, model, tensors)

    # Reference points: 36 x 29 = 1044 over the box, 16 of the 36 x near the shock.
    x = np.sort(np.concatenate([np.linspace(-1, 1, 20), np.linspace(-0.04, 0.04, 16)]))
    sample = pinn.grid(x, np.linspace(0, 1, 29))
    coarse = cole_hopf(sample[:, 0], sample[:, 1], nodes=3001)
    fine = cole_hopf(sample[:, 0], sample[:, 1], nodes=6001)
    print("reference: difference between two quadratures %.1e" % np.max(np.abs(fine - coarse)))
    source = "Cole-Hopf formula, trapezoidal rule with 6001 nodes on |z| <= 20 (error below 1e-10)"
    pinn.write_reference(FOLDER, sample, {"u": fine}, source)

    pinn.print_result(FOLDER, layers, seconds, points, truth)
    value = pinn.evaluate(FOLDER, sample)["u"]
    print("at reference points: relative L2 error %.2e, maximum error %.2e" % pinn.errors(value, fine))


if __name__ == "__main__":
    main()
