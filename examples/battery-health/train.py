"""Terminal voltage of a lithium-ion cell as it ages: a single-particle model to fit.

    c_t = D (c_rr + 2 c_r / r) in a particle of either electrode, c_r(0, t) = 0,
    D c_r(R, t) = +-j,  j = I / (F a A d) * Q_NEW / Q
    V = U_pos(c_pos(R) / c_max) - U_neg(c_neg(R) / c_max) - eta_pos - eta_neg
    eta = 2 R T / F asinh(F j / (2 j0)),  j0 = k sqrt(c_e c (c_max - c))

    t  0 .. 1800 s          time since the start of the discharge
    I  0 .. 5 A             discharge current (0 to 1 C)
    Q  3.5 .. 5.25 A h      capacity: what is left of the active material of both electrodes, 5 A h when new
    D  0.002 .. 0.006 um^2/s  diffusivity in the positive electrode, 0.004 um^2/s when new
    V  V                    terminal voltage

Parameters: LG M50 cell, Chen et al., J. Electrochem. Soc. 167 (2020) 080534.  Model:
Subramanian and White, J. Power Sources 96 (2001) 385-395.  Series solution: Crank,
The Mathematics of Diffusion (1975), equation 6.45.

Both particles are the same problem with y = (r/R)^2, tau = D t / R^2 and the depletion
w = |c - c0| D / (j R), which is free of all parameters of the cell:

    w_tau = 4 y w_yy + 6 w_y,   w = 0 at tau = 0,   2 w_y = 1 at y = 1.

One network is trained on it, for all tau that either electrode reaches, and evaluated
once per electrode:

    w = 3 tau + (s - s0) N(y, s, z),   s = sqrt(tau + s0^2),
    z = (1 - y) / (1 - y + 4 (s + S_SHIFT)),

as in battery-spm.  The voltage needs the surface alone, y = 1 and z = 0, where the first
layer of the written network has s as its only input.  The open-circuit potentials are
written as cubic splines of the published formulas.
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.interpolate
import scipy.optimize

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "common"))
import pinn  # noqa: E402  (also switches JAX to float64)
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

SEED = 1
WIDTHS = [3, 20, 20, 1]

FARADAY = 96485.33212  # F, C/mol
THERMAL = 8.314462618 * 298.15 / FARADAY  # R T / F, V
AREA = 0.1027  # A, m^2, electrode area
ELECTROLYTE = 1000.0  # c_e, mol/m^3
Q_NEW = 5.0  # A h
END_TIME = 1800.0  # s
I_MAX = 5.0  # A
S0 = 1e-3
S_SHIFT = 0.01


class Electrode:
    """sign: +1 where lithium comes in during a discharge; k in A m^2.5 / mol^1.5."""

    def __init__(self, sign, radius, diffusivity, start, most, fraction, thickness, k):
        self.sign, self.radius, self.diffusivity = sign, radius, diffusivity  # radius in um, diffusivity in um^2/s
        self.share = start / most  # of the sites that are filled when the discharge starts
        surface = 3 * fraction / (radius * 1e-6)  # a, 1/m, particle surface per volume
        flux = 1 / (FARADAY * surface * AREA * thickness)  # mol/(m^2 s) per A
        self.rate = flux * radius * 1e6 / most  # change of the share per A, times w / D in s/um^2
        self.exchange = FARADAY * flux / (2 * k * np.sqrt(ELECTROLYTE) * most)  # F j / (2 j0) per A, times the root


NEGATIVE = Electrode(-1, 5.86, 0.033, 29866.0, 33133.0, 0.75, 85.2e-6, 6.48e-7)
POSITIVE = Electrode(+1, 5.22, 0.004, 17038.0, 63104.0, 0.665, 75.6e-6, 3.42e-6)

# t, I, Q, D
LOW = np.array([0.0, 0.0, 3.5, 0.002])
HIGH = np.array([END_TIME, I_MAX, 5.25, 0.006])
S_END = np.sqrt(NEGATIVE.diffusivity * END_TIME / NEGATIVE.radius**2 + S0**2)


def negative_potential(x):
    """Chen et al., equation 9: V of graphite whose sites are filled to the share x."""
    return (
        1.9793 * np.exp(-39.3631 * x) + 0.2482 - 0.0909 * np.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * np.tanh(14.9159 * (x - 0.2769)) - 0.0205 * np.tanh(30.4444 * (x - 0.6103))
    )  # fmt: skip


def positive_potential(x):
    """Chen et al., equation 8: V of NMC 811."""
    return (
        -0.8090 * x + 4.4875 - 0.0428 * np.tanh(18.5138 * (x - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (x - 0.3117)) + 17.5842 * np.tanh(15.9308 * (x - 0.3120))
    )  # fmt: skip


POTENTIAL = {NEGATIVE: negative_potential, POSITIVE: positive_potential}
SHARES = {NEGATIVE: (0.24, 0.92), POSITIVE: (0.25, 0.91)}  # that the box reaches, and a little more
SEGMENTS = 24

# ------------------------------------------------------------------ the particle


def depletion(layers, point):
    """point = (y, s), shape [2] -> scalar w."""
    y, s = point
    z = (1 - y) / (1 - y + 4 * (s + S_SHIFT))
    return 3 * (s**2 - S0**2) + (s - S0) * pinn.mlp(layers, jnp.stack([y, s, z]))[0]


def fade(s):
    """Factor of the residuals that fades out below s = 0.02, where the exact solution has a corner."""
    return (s - S0) / (s + 0.02)


def equation(layers, point):
    """Residual of the diffusion equation, times s and `fade`; w_tau = w_s / (2 s)."""
    w = lambda z: depletion(layers, z)
    w_y = pinn.derivative(w, 0)
    y, s = point
    return fade(s) * (pinn.derivative(w, 1)(point) / 2 - s * (4 * y * pinn.derivative(w_y, 0)(point) + 6 * w_y(point)))


def surface(layers, point):
    """Residual of the flux condition at the surface, times `fade`."""
    return fade(point[1]) * (2 * pinn.derivative(lambda z: depletion(layers, z), 0)(point) - 1)


def early(rng, n):
    """s, denser at early times."""
    return S0 + (S_END - S0) * rng.uniform(0, 1, n) ** 2


def interior_points(rng, n):
    """(y, s); half uniform in r/R, half in the diffusion layer of width 3 s."""
    s = rng.uniform(S0, S_END, n)
    x = rng.uniform(0, 1, n)
    half = n // 2
    s[:half] = early(rng, half)
    x[:half] = 1 - np.minimum(1, 3 * s[:half]) * rng.uniform(0, 1, half)
    return np.stack([x**2, s], axis=1)


def surface_points(rng, n):
    return np.stack([np.ones(n), early(rng, n)], axis=1)


TERMS = [
    pinn.Term("equation", equation, 1.0, interior_points, 1500),
    pinn.Term("surface", surface, 10.0, surface_points, 250),
]


def surface_series(tau, terms=2000):
    """w at the surface, tau [n] -> [n]: 3 tau + 1/5 - 2 sum_n exp(-l_n^2 tau) / l_n^2, l_n the roots of tan l = l."""
    roots = np.array([
        scipy.optimize.brentq(lambda l: np.sin(l) - l * np.cos(l), k * np.pi, (k + 0.5) * np.pi, xtol=1e-13)
        for k in range(1, terms + 1)
    ])
    tau = np.asarray(tau)[:, None]
    return 3 * tau[:, 0] + 0.2 - 2 * np.sum(np.exp(-(roots**2) * tau) / roots**2, axis=1) - 2 * (tau[:, 0] == 0) * (
        0.1 - np.sum(1 / roots**2)
    )


# ---------------------------------------------------------------------- the cell


def voltage(points):
    """(t, I, Q, D), shape [n, 4] -> V [n], by the series and the published formulas."""
    t, current, capacity, diffusivity = np.asarray(points).T
    each = current * Q_NEW / capacity  # through what is left of the material
    result = 0.0
    for electrode in (POSITIVE, NEGATIVE):
        d = diffusivity if electrode is POSITIVE else electrode.diffusivity
        w = surface_series(d * t / electrode.radius**2)
        x = electrode.share + electrode.sign * electrode.rate * each * w / d
        eta = 2 * THERMAL * np.arcsinh(electrode.exchange * each / np.sqrt(x * (1 - x)))
        result = result + electrode.sign * POTENTIAL[electrode](x) - eta
    return result


def surface_layers(layers):
    """The network of s alone at the surface, where y = 1 and z = 0."""
    weight, bias = layers[0]
    return [(weight[:, 1:2], bias + weight[:, 0]), *layers[1:]]


def spline_of(electrode):
    """Cubic spline of the potential: coefficients of equal segments, least squares at many points."""
    low, high = SHARES[electrode]
    knots = low + (high - low) * np.arange(-3, SEGMENTS + 4) / SEGMENTS
    x = np.linspace(low, high, 40 * SEGMENTS)
    design = scipy.interpolate.BSpline.design_matrix(x, knots, 3, extrapolate=True).toarray()
    return np.linalg.lstsq(design, POTENTIAL[electrode](x), rcond=None)[0]


def electrode_nodes(name, electrode, layers):
    """Nodes of an electrode's contribution to the voltage, with `each` and, for the positive one, `D` as values."""
    k, rate = name[0], 1 / electrode.radius**2
    is_positive = electrode is POSITIVE
    net, tensors, last = pinn.mlp_nodes(layers, f"{k}_s", prefix=f"{k}_")
    # The weights are those of one network.
    shared = {f"{k}_l{i}.{part}": f"l{i}.{part}" for i in range(1, len(layers) + 1) for part in ("weight", "bias")}
    for node in net:
        node.update({key: shared[node[key]] for key in ("weight", "bias") if key in node})
    fixed = 1.0 if is_positive else 1 / electrode.diffusivity
    nodes = [
        # tau = D t / R^2
        *([{"name": "p_Dt", "op": "mul", "inputs": ["D", "t"]}] if is_positive else []),
        {
            "name": f"{k}_tau",
            "op": "scale",
            "inputs": ["p_Dt" if is_positive else "t"],
            "scale": [rate if is_positive else rate * electrode.diffusivity],
            "shift": [S0**2],
        },
        {"name": f"{k}_s", "op": "sqrt", "inputs": [f"{k}_tau"]},
        *net,
        {"name": f"{k}_gate", "op": "scale", "inputs": [f"{k}_s"], "scale": [fixed], "shift": [-S0 * fixed]},
        {"name": f"{k}_profile", "op": "mul", "inputs": [f"{k}_gate", last]},
        *([{"name": "p_over_D", "op": "div", "inputs": ["p_profile", "D"]}] if is_positive else []),
        # w / D: what the mean of the particle has changed, and what its surface is ahead of that
        {"name": f"{k}_mean", "op": "scale", "inputs": ["t"], "scale": [3 * rate]},
        {"name": f"{k}_w", "op": "add", "inputs": [f"{k}_mean", "p_over_D" if is_positive else "n_profile"]},
        {"name": f"{k}_moved", "op": "mul", "inputs": ["each", f"{k}_w"]},
        {
            "name": f"{k}_share",
            "op": "scale",
            "inputs": [f"{k}_moved"],
            "scale": [electrode.sign * electrode.rate],
            "shift": [electrode.share],
        },
        {
            "name": f"{k}_potential",
            "op": "spline",
            "inputs": [f"{k}_share"],
            "coefficients": f"{name}.potential",
            "degree": 3,
            "ranges": [list(SHARES[electrode])],
        },
        {"name": f"{k}_free", "op": "scale", "inputs": [f"{k}_share"], "scale": [-1], "shift": [1]},
        {"name": f"{k}_sites", "op": "mul", "inputs": [f"{k}_share", f"{k}_free"]},
        {"name": f"{k}_root", "op": "sqrt", "inputs": [f"{k}_sites"]},
        {"name": f"{k}_drive", "op": "div", "inputs": ["each", f"{k}_root"]},
        {"name": f"{k}_ratio", "op": "scale", "inputs": [f"{k}_drive"], "scale": [electrode.exchange]},
        {"name": f"{k}_asinh", "op": "asinh", "inputs": [f"{k}_ratio"]},
        {"name": f"{k}_eta", "op": "scale", "inputs": [f"{k}_asinh"], "scale": [2 * THERMAL]},
    ]
    tensors = {shared[key]: value for key, value in tensors.items()}
    tensors[f"{name}.potential"] = spline_of(electrode).astype(np.float32).reshape(1, -1)
    return nodes, tensors


def cell_model(layers):
    layers = surface_layers(layers)
    positive, tensors = electrode_nodes("positive", POSITIVE, layers)
    negative, others = electrode_nodes("negative", NEGATIVE, layers)
    model = {
        "format": "pinn-edge/1",
        "name": "battery-health",
        "description": "Terminal voltage of a 5 A h cell during a discharge, with its capacity and a diffusivity as inputs.",
        "inputs": [
            {"name": "t", "min": 0, "max": END_TIME, "unit": "s", "description": "time since the start of discharge"},
            {"name": "I", "min": 0, "max": I_MAX, "unit": "A", "description": "discharge current of the cell"},
            {"name": "Q", "min": LOW[2], "max": HIGH[2], "unit": "A h", "description": "capacity, 5 A h when new"},
            {"name": "D", "min": LOW[3], "max": HIGH[3], "unit": "um^2/s", "description": "diffusivity of the positive electrode"},
        ],
        "outputs": [{"name": "V", "value": "V", "unit": "V", "description": "terminal voltage"}],
        "tolerance": 1e-4,
        "weights": "model.safetensors",
        "nodes": [
            {"name": "per_capacity", "op": "div", "inputs": ["I", "Q"]},
            {"name": "each", "op": "scale", "inputs": ["per_capacity"], "scale": [Q_NEW]},
            *positive,
            *negative,
            {"name": "open", "op": "sub", "inputs": ["p_potential", "n_potential"]},
            {"name": "eta", "op": "add", "inputs": ["p_eta", "n_eta"]},
            {"name": "V", "op": "sub", "inputs": ["open", "eta"]},
        ],
    }
    return model, {**tensors, **others}


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    s = np.linspace(S0, S_END, 400)
    truth = surface_series(s**2 - S0**2)
    network = jax.jit(jax.vmap(depletion, in_axes=(None, 0)))

    def monitor(w):
        return "at the surface %.2e" % np.max(np.abs(network(w, np.stack([np.ones_like(s), s], axis=1)) - truth))

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=600)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=160, most=2.0, monitor=monitor)
    seconds = time.time() - start
    pinn.write_model(FOLDER, *cell_model(layers))
    print(f"parameters {pinn.parameter_count(layers)}, training time {seconds:.0f} s")
    check()


def discharges(count=35, samples=30):
    """Points (t, I, Q, D) of discharges with C/2 to 1 C, each of a cell of its own: [count * samples, 4]."""
    unit = np.random.default_rng(2).uniform(0, 1, (count, 3))
    low = np.array([I_MAX / 2, *LOW[2:]])
    cells = low + (HIGH[1:] - low) * unit
    times = END_TIME * np.arange(1, samples + 1) / samples
    return np.concatenate([np.tile(times, count)[:, None], np.repeat(cells, samples, axis=0)], axis=1)


def write_measurements(Q, D, current, sigma=5e-3, samples=30):
    """discharge.csv: voltages of one discharge with normal noise, to fit."""
    times = END_TIME * np.arange(1, samples + 1) / samples
    points = np.stack([times, *(np.full(samples, value) for value in (current, Q, D))], axis=1)
    noisy = voltage(points) + sigma * np.random.default_rng(4).normal(size=samples)
    rows = [f"{t:g},{v:.4f}" for t, v in zip(times, noisy)]
    (FOLDER / "discharge.csv").write_text("\n".join(["t,V", *rows]) + "\n", encoding="utf-8")


def check():
    """Writes reference.json and discharge.csv, and compares the written model with the equations."""
    sample = discharges()
    source = "eigenfunction series (Crank 1975, equation 6.45) with 2000 terms per electrode, potentials as published"
    pinn.write_reference(FOLDER, sample, {"V": voltage(sample)}, source)
    write_measurements(Q=4.2, D=0.004, current=5.0)
    for name, points in (("discharges", sample), ("the box", LOW + (HIGH - LOW) * np.random.default_rng(3).uniform(0, 1, (2000, 4)))):
        error = np.abs(pinn.evaluate(FOLDER, points)["V"] - voltage(points))
        print(f"written model, {name}: root mean square error {np.sqrt(np.mean(error**2)):.2e} V, maximum error {error.max():.2e} V")


if __name__ == "__main__":
    main()
