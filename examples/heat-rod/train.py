"""Heat conduction in a metal rod, in mixed form, with the material as an input.

    rho_c T_t + q_x = 0,   q = -rho_c alpha T_x        (energy, Fourier's law)

    x      0 .. 100 mm        position on a rod of length L = 100 mm
    t      0 .. 60 s          time
    alpha  10 .. 120 mm^2/s   thermal diffusivity, about steel to copper
    rho_c  3.4 J/(cm^3 K)     volumetric heat capacity, common to such metals
    T      degC               temperature
    q      kW/m^2             heat flux towards larger x

The ends are held at 20 and 80 degC; the start is the straight line between
them plus two sine modes, 40 sin(pi x/L) + 15 sin(2 pi x/L).  The solution by
separation of variables is in Carslaw and Jaeger, Conduction of Heat in Solids
(1959), chapter III.  In these units rho_c in J/(cm^3 K) = MJ/(m^3 K) needs no
conversion factor: MJ/(m^3 K) * mm^2/s * K/mm = kW/m^2.

One network has two outputs: temperature and flux.  The initial and boundary
temperatures are exact in the graph, so that the only residuals are the two
equations, both of first order.
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
WIDTHS = [3, 32, 32, 32, 32, 2]
LENGTH = 100.0  # mm
END_TIME = 60.0  # s
ALPHA_MIN, ALPHA_MAX = 10.0, 120.0  # mm^2/s
HEAT_CAPACITY = 3.4  # rho_c, J/(cm^3 K)
T_LEFT, T_RISE = 20.0, 60.0  # degC, K: T(0) and T(L) - T(0)
MODE_1, MODE_2 = 40.0, 15.0  # K
T_SCALE = 50.0  # K, unit of temperature in the network
T_RAMP = 6.0  # s, time scale of the factor that is zero at t = 0

# Inputs (x, t, alpha) to [-1, 1]: normalised = FACTOR * input + SHIFT.
LOW = np.array([0.0, 0.0, ALPHA_MIN])
HIGH = np.array([LENGTH, END_TIME, ALPHA_MAX])
FACTOR = 2 / (HIGH - LOW)
SHIFT = -(HIGH + LOW) / (HIGH - LOW)
FLUX_SCALE = HEAT_CAPACITY * T_SCALE / LENGTH  # kW/m^2 per mm^2/s


def exact(points):
    """points (x, t, alpha), shape [n, 3] -> T [n] in degC, q [n] in kW/m^2."""
    x, t, alpha = np.asarray(points).T
    k = np.pi / LENGTH
    first = MODE_1 * np.exp(-alpha * k**2 * t)
    second = MODE_2 * np.exp(-alpha * (2 * k) ** 2 * t)
    temperature = T_LEFT + T_RISE * x / LENGTH + first * np.sin(k * x) + second * np.sin(2 * k * x)
    gradient = T_RISE / LENGTH + first * k * np.cos(k * x) + second * 2 * k * np.cos(2 * k * x)
    return temperature, -HEAT_CAPACITY * alpha * gradient


def fields(layers, point):
    """point = (x, t, alpha), shape [3] -> (T in degC, q in kW/m^2), shape [2]."""
    x, t, alpha = point
    net = pinn.mlp(layers, FACTOR * point + SHIFT)
    s = x / LENGTH
    start = (T_RISE * s + MODE_1 * jnp.sin(jnp.pi * s) + MODE_2 * jnp.sin(2 * jnp.pi * s)) / T_SCALE
    theta = start + s * (1 - s) * jnp.tanh(t / T_RAMP) * net[0]
    return jnp.stack([T_LEFT + T_SCALE * theta, FLUX_SCALE * alpha * net[1]])


def energy(layers, point):
    """Residual of the energy equation, T_t + q_x / rho_c, per 0.5 K/s."""
    f = lambda z: fields(layers, z)
    rate = pinn.derivative(f, 1)(point)[0]
    divergence = pinn.derivative(f, 0)(point)[1]
    return (rate + divergence / HEAT_CAPACITY) / 0.5


def fourier(layers, point):
    """Residual of Fourier's law, q / (rho_c alpha) + T_x, per T_SCALE / L."""
    f = lambda z: fields(layers, z)
    gradient = pinn.derivative(f, 0)(point)[0]
    return (f(point)[1] / (HEAT_CAPACITY * point[2]) + gradient) * LENGTH / T_SCALE


def interior_points(rng, n):
    """Half uniform in t, half denser at early times."""
    points = rng.uniform(LOW, HIGH, (n, 3))
    points[: n // 2, 1] *= points[: n // 2, 1] / END_TIME
    return points


TERMS = [
    pinn.Term("energy", energy, 1.0, interior_points, 2500),
    pinn.Term("fourier", fourier, 1.0, interior_points, 2500),
]


def main():
    rng = np.random.default_rng(SEED)
    layers = pinn.init_mlp(rng, WIDTHS)

    points = pinn.grid(np.linspace(0, LENGTH, 41), np.linspace(0, END_TIME, 61), np.linspace(ALPHA_MIN, ALPHA_MAX, 12))
    truth_t, truth_q = exact(points)
    network = jax.jit(jax.vmap(fields, in_axes=(None, 0)))

    def monitor(w):
        value = network(w, points)
        return "relative L2 T %.2e, q %.2e" % (
            pinn.errors(value[:, 0], truth_t)[0],
            pinn.errors(value[:, 1], truth_q)[0],
        )

    start = time.time()
    layers = pinn.train_adam(TERMS, layers, rng, steps=1300)
    layers = pinn.train_levenberg_marquardt(TERMS, layers, rng, steps=130, monitor=monitor)
    seconds = time.time() - start

    nodes, tensors, last = pinn.mlp_nodes(layers, "normalised")
    model = {
        "format": "pinn-edge/1",
        "name": "heat-rod",
        "description": "Temperature and heat flux in a metal rod, with the thermal diffusivity as an input.",
        "inputs": [
            {"name": "x", "min": 0, "max": LENGTH, "unit": "mm", "description": "position"},
            {"name": "t", "min": 0, "max": END_TIME, "unit": "s", "description": "time"},
            {
                "name": "alpha",
                "min": ALPHA_MIN,
                "max": ALPHA_MAX,
                "unit": "mm^2/s",
                "description": "thermal diffusivity",
            },
        ],
        "outputs": [
            {
                "name": "T",
                "value": "theta",
                "unit": "degC",
                "scale": T_SCALE,
                "offset": T_LEFT,
                "description": "temperature",
            },
            {
                "name": "q",
                "value": "alpha_gradient",
                "unit": "kW/m^2",
                "scale": FLUX_SCALE,
                "description": "heat flux towards larger x",
            },
        ],
        "tolerance": 1e-3,
        "weights": "model.safetensors",
        "nodes": [
            {"name": "raw", "op": "concat", "inputs": ["x", "t", "alpha"]},
            {
                "name": "normalised",
                "op": "scale",
                "inputs": ["raw"],
                "scale": FACTOR.tolist(),
                "shift": SHIFT.tolist(),
            },
        ]
        + nodes
        + [
            # Initial temperature, per T_SCALE.
            {"name": "line", "op": "scale", "inputs": ["x"], "scale": [T_RISE / LENGTH / T_SCALE]},
            {"name": "phase1", "op": "scale", "inputs": ["x"], "scale": [np.pi / LENGTH]},
            {"name": "phase2", "op": "scale", "inputs": ["x"], "scale": [2 * np.pi / LENGTH]},
            {"name": "sine1", "op": "sin", "inputs": ["phase1"]},
            {"name": "sine2", "op": "sin", "inputs": ["phase2"]},
            {"name": "mode1", "op": "scale", "inputs": ["sine1"], "scale": [MODE_1 / T_SCALE]},
            {"name": "mode2", "op": "scale", "inputs": ["sine2"], "scale": [MODE_2 / T_SCALE]},
            {"name": "modes", "op": "add", "inputs": ["mode1", "mode2"]},
            {"name": "start", "op": "add", "inputs": ["line", "modes"]},
            # Factor that is zero at both ends and at t = 0.
            {"name": "from_left", "op": "scale", "inputs": ["x"], "scale": [1 / LENGTH]},
            {"name": "from_right", "op": "scale", "inputs": ["x"], "scale": [-1 / LENGTH], "shift": [1]},
            {"name": "ends", "op": "mul", "inputs": ["from_left", "from_right"]},
            {"name": "time", "op": "scale", "inputs": ["t"], "scale": [1 / T_RAMP]},
            {"name": "ramp", "op": "tanh", "inputs": ["time"]},
            {"name": "gate", "op": "mul", "inputs": ["ends", "ramp"]},
            # Outputs.
            {"name": "net_theta", "op": "slice", "inputs": [last], "start": 0, "stop": 1},
            {"name": "net_gradient", "op": "slice", "inputs": [last], "start": 1, "stop": 2},
            {"name": "change", "op": "mul", "inputs": ["gate", "net_theta"]},
            {"name": "theta", "op": "add", "inputs": ["start", "change"]},
            {"name": "alpha_gradient", "op": "mul", "inputs": ["alpha", "net_gradient"]},
        ],
        "physics": {
            "parameters": {
                "rho_c": HEAT_CAPACITY,
                "L": LENGTH,
                "T_left": T_LEFT,
                "rise": T_RISE,
                "mode_1": MODE_1,
                "mode_2": MODE_2,
            },
            "residuals": [
                {"name": "energy", "expression": "rho_c*T_t + q_x"},
                {"name": "fourier", "expression": "q + rho_c*alpha*T_x"},
            ],
            "conditions": [],
            "exact": {
                "T": "T_left + rise*x/L + mode_1*sin(pi*x/L)*exp(-alpha*(pi/L)^2*t)"
                " + mode_2*sin(2*pi*x/L)*exp(-alpha*(2*pi/L)^2*t)",
                "q": "-rho_c*alpha*(rise/L + mode_1*(pi/L)*cos(pi*x/L)*exp(-alpha*(pi/L)^2*t)"
                " + mode_2*(2*pi/L)*cos(2*pi*x/L)*exp(-alpha*(2*pi/L)^2*t))",
            },
        },
    }
    pinn.write_model(FOLDER, model, tensors)

    value = pinn.evaluate(FOLDER, points)
    print(f"parameters {pinn.parameter_count(layers)}, training time {seconds:.0f} s")
    print("written model: T relative L2 error %.2e, maximum error %.2e K" % pinn.errors(value["T"], truth_t))
    print("written model: q relative L2 error %.2e, maximum error %.2e kW/m^2" % pinn.errors(value["q"], truth_q))


if __name__ == "__main__":
    main()
