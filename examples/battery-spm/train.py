"""Lithium concentration in a graphite particle: the single-particle model.

    c_t = D (c_rr + 2 c_r / r),   c(r, 0) = c0,
    c_r(0, t) = 0,   -D c_r(R, t) = j(I) = I / (F a A d)

    r  0 .. 5.86 um    radius in the particle, R = 5.86 um
    t  0 .. 1800 s     time since the start of the discharge
    I  0 .. 7.5 A      constant discharge current of the 5 A h cell (0 to 1.5 C)
    c  mol/m^3         lithium concentration

Parameters: negative electrode of the LG M50 cell, Chen et al., J. Electrochem.
Soc. 167 (2020) 080534.  Model and series solution: Subramanian and White,
J. Power Sources 96 (2001) 385-395; Crank, The Mathematics of Diffusion (1975),
equation 6.45.

In the network the problem is dimensionless: y = (r/R)^2, tau = D t / R^2,
i = I / I_max and w = (c0 - c) / C_REF with C_REF = j(I_max) R / D:

    w_tau = 4 y w_yy + 6 w_y,   w = 0 at tau = 0,   2 w_y = i at y = 1.

y makes the condition at the centre exact.  The graph is

    w = 3 i tau + (s - s0) N(y, s, i, z),   s = sqrt(tau + s0^2),

where 3 i tau is the mean depletion (balance of lithium), the factor s - s0
makes the initial condition exact, and z = (1 - y) / (1 - y + 4 (s + S_SHIFT))
follows the early diffusion layer at the surface: z = eta / (1 + eta) with the
similarity variable eta = (R - r) / (2 sqrt(D t)), nearly.  s0 = 0.001 (1 ms in
real time) only keeps the root differentiable at t = 0.
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.optimize

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "common"))
import pinn  # noqa: E402  (also switches JAX to float64)
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

SEED = 1
WIDTHS = [4, 32, 32, 32, 1]

RADIUS = 5.86  # R, um
DIFFUSIVITY = 0.033  # D, um^2/s (3.3e-14 m^2/s)
C0 = 29866.0  # mol/m^3, concentration at the start (charged cell)
FARADAY = 96485.33212  # F, C/mol
ACTIVE_FRACTION = 0.75  # volume fraction of graphite
AREA = 0.1027  # A, m^2, electrode area
THICKNESS = 85.2e-6  # d, m, electrode thickness
END_TIME = 1800.0  # s
I_MAX = 7.5  # A

SURFACE = 3 * ACTIVE_FRACTION / (RADIUS * 1e-6)  # a, 1/m, particle surface per volume
FLUX_PER_AMPERE = 1 / (FARADAY * SURFACE * AREA * THICKNESS)  # mol/(m^2 s) per A
SLOPE_PER_AMPERE = FLUX_PER_AMPERE / (DIFFUSIVITY * 1e-12) * 1e-6  # -c_r(R), mol/m^3 per um per A
C_REF = SLOPE_PER_AMPERE * I_MAX * RADIUS  # mol/m^3
S0 = 1e-3
S_END = np.sqrt(DIFFUSIVITY * END_TIME / RADIUS**2 + S0**2)
S_SHIFT = 0.01


def series(points, terms=2000):
    """Series solution at points (r, t, I), shape [n, 3] -> c [n] in mol/m^3.

    w = i (3 tau + x^2/2 - 3/10 - 2 sum_n sin(l_n x) / (l_n^2 x sin l_n) exp(-l_n^2 tau))
    with x = r / R and l_n the positive roots of tan l = l.
    """
    n = np.arange(1, terms + 1)
    roots = np.array([
        scipy.optimize.brentq(lambda l: np.sin(l) - l * np.cos(l), k * np.pi, (k + 0.5) * np.pi, xtol=1e-13)
        for k in n
    ])
    r, t, current = np.asarray(points).T
    x = r / RADIUS
    tau = DIFFUSIVITY * t / RADIUS**2
    total = np.empty(len(x))
    for k in range(len(x)):
        sine = roots * np.sinc(roots * x[k] / np.pi)  # sin(l x) / x, also at x = 0
        total[k] = np.sum(sine / (roots**2 * np.sin(roots)) * np.exp(-(roots**2) * tau[k]))
    w = current / I_MAX * (3 * tau + x**2 / 2 - 0.3 - 2 * total)
    return np.where(t == 0, C0, C0 - C_REF * w)


def depletion(layers, point):
    """point = (y, s, i), shape [3] -> scalar w, dimensionless depletion."""
    y, s, i = point
    z = (1 - y) / (1 - y + 4 * (s + S_SHIFT))
    net = pinn.mlp(layers, jnp.stack([y, s, i, z]))[0]
    return 3 * i * (s**2 - S0**2) + (s - S0) * net


def fade(s):
    """Factor of the residuals that fades out below s = 0.02 (t = 0.4 s).

    There the exact solution has a corner (flux switched on at t = 0) which no
    smooth function resolves, and which has no influence on later times.
    """
    return (s - S0) / (s + 0.02)


def equation(layers, point):
    """Residual of the diffusion equation at (y, s, i), times s and `fade`.

    w_tau = w_s / (2 s); the factor s balances the early diffusion layer, where
    both sides grow like 1/s.
    """
    w = lambda z: depletion(layers, z)
    w_y = pinn.derivative(w, 0)
    w_yy = pinn.derivative(w_y, 0)
    w_s = pinn.derivative(w, 1)
    y, s, _ = point
    return fade(s) * (w_s(point) / 2 - s * (4 * y * w_yy(point) + 6 * w_y(point)))


def surface(layers, point):
    """Residual of the flux condition at the surface, times `fade`."""
    w_y = pinn.derivative(lambda z: depletion(layers, z), 0)
    return fade(point[1]) * (2 * w_y(point) - point[2])


def interior_points(rng, n):
    """(y, s, i); half uniform in r/R, half in the diffusion layer of width 3 s."""
    s = rng.uniform(S0, S_END, n)
    x = rng.uniform(0, 1, n)
    half = n // 2
    s[:half] = S0 + (S_END - S0) * rng.uniform(0, 1, half) ** 2
    x[:half] = 1 - np.minimum(1, 3 * s[:half]) * rng.uniform(0, 1, half)
    return np.stack([x**2, s, rng.uniform(0, 1, n)], axis=1)


def surface_points(rng, n):
    s = S0 + (S_END - S0) * rng.uniform(0, 1, n) ** 2
    return np.stack([np.ones(n), s, rng.uniform(0, 1, n)], axis=1)


TERMS = [
    pinn.Term("equation", equation, 1.0, interior_points, 4000),
    pinn.Term("surface", surface, 10.0, surface_points, 500),
]


def to_network(points):
    """(r, t, I), shape [n, 3] -> (y, s, i), shape [n, 3]."""
    r, t, current = np.asarray(points).T
    s = np.sqrt(DIFFUSIVITY * t / RADIUS**2 + S0**2)
    return np.stack([(r / RADIUS) ** 2, s, current / I_MAX], axis=1)


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    # Test points: quadratic in t, because the early times are the hard ones.
    times = END_TIME * np.linspace(0, 1, 61) ** 2
    points = pinn.grid(np.linspace(0, RADIUS, 41), times, np.linspace(0, I_MAX, 6))
    truth = series(points)
    network = jax.jit(jax.vmap(depletion, in_axes=(None, 0)))
    inner = to_network(points)

    def monitor(w):
        return "relative L2 %.2e, max %.2e mol/m^3" % pinn.errors(C0 - C_REF * network(w, inner), truth)

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=2000)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=120, monitor=monitor)
    seconds = time.time() - start

    nodes, tensors, last = pinn.mlp_nodes(layers, "features")
    rate = DIFFUSIVITY / RADIUS**2  # tau per second
    model = {
        "format": "pinn-edge/1",
        "name": "battery-spm",
        "description": "Lithium concentration in a graphite particle of a 5 A h cell during discharge.",
        "inputs": [
            {"name": "r", "min": 0, "max": RADIUS, "unit": "um", "description": "radius in the particle"},
            {"name": "t", "min": 0, "max": END_TIME, "unit": "s", "description": "time since the start of discharge"},
            {"name": "I", "min": 0, "max": I_MAX, "unit": "A", "description": "discharge current of the cell"},
        ],
        "outputs": [
            {
                "name": "c",
                "value": "w",
                "unit": "mol/m^3",
                "scale": -C_REF,
                "offset": C0,
                "description": "lithium concentration",
            }
        ],
        "tolerance": 1e-3,
        "weights": "model.safetensors",
        "nodes": [
            {"name": "x", "op": "scale", "inputs": ["r"], "scale": [1 / RADIUS]},
            {"name": "y", "op": "pow", "inputs": ["x"], "exponent": 2},
            {"name": "tau_shifted", "op": "scale", "inputs": ["t"], "scale": [rate], "shift": [S0**2]},
            {"name": "s", "op": "sqrt", "inputs": ["tau_shifted"]},
            {"name": "i", "op": "scale", "inputs": ["I"], "scale": [1 / I_MAX]},
            {"name": "depth", "op": "scale", "inputs": ["y"], "scale": [-1], "shift": [1]},
            {"name": "layer", "op": "scale", "inputs": ["s"], "scale": [4], "shift": [4 * S_SHIFT]},
            {"name": "reach", "op": "add", "inputs": ["depth", "layer"]},
            {"name": "z", "op": "div", "inputs": ["depth", "reach"]},
            {"name": "features", "op": "concat", "inputs": ["y", "s", "i", "z"]},
        ]
        + nodes
        + [
            {"name": "tau3", "op": "scale", "inputs": ["t"], "scale": [3 * rate]},
            {"name": "mean", "op": "mul", "inputs": ["i", "tau3"]},
            {"name": "gate", "op": "scale", "inputs": ["s"], "shift": [-S0]},
            {"name": "profile", "op": "mul", "inputs": ["gate", last]},
            {"name": "w", "op": "add", "inputs": ["mean", "profile"]},
        ],
        "physics": {
            "parameters": {"D": DIFFUSIVITY},
            "residuals": [{"name": "diffusion", "expression": "r*c_t - D*(r*c_rr + 2*c_r)"}],
        },
    }
    pinn.write_model(FOLDER, model, tensors)

    # Reference points: 10 x 15 x 7 = 1050 over the box, quadratic in t.
    sample = pinn.grid(
        np.linspace(0, RADIUS, 10), END_TIME * np.linspace(0, 1, 15) ** 2, np.linspace(0, I_MAX, 7)
    )
    c = series(sample)
    print("reference: change with half the terms %.1e mol/m^3" % np.max(np.abs(c - series(sample, terms=1000))))
    source = "eigenfunction series (Crank 1975, equation 6.45) with 2000 terms (error below 1e-8 mol/m^3)"
    pinn.write_reference(FOLDER, sample, {"c": c}, source)

    value = pinn.evaluate(FOLDER, points)["c"]
    print(f"parameters {pinn.parameter_count(layers)}, training time {seconds:.0f} s")
    print("written model: relative L2 error %.2e, maximum error %.2f mol/m^3" % pinn.errors(value, truth))
    print("relative to the change C0 - c: L2 error %.2e" % pinn.errors(C0 - value, C0 - truth)[0])
    value = pinn.evaluate(FOLDER, sample)["c"]
    print("at reference points: relative L2 error %.2e, maximum error %.2f mol/m^3" % pinn.errors(value, c))


if __name__ == "__main__":
    main()
