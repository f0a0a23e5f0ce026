"""DeepXDE models, with their input and output transforms and the ranges of their geometry."""

import functools

from .errors import ExportError
from .jax_functions import export_jax
from .torch_modules import export_torch


def export_deepxde(model, path, inputs=None, outputs=None, name=None, tolerance=None):
    """Writes a deepxde.Model (PyTorch or JAX backend) with its input and output transforms.

    inputs: as for export_torch; default: x, y, z and t with the ranges of the model's geometry.
    """
    import deepxde

    if inputs is None:
        inputs = _geometry_inputs(model.data.geom)
    backend = deepxde.backend.backend_name
    if backend == "pytorch":
        return export_torch(model.net, path, inputs, outputs, name, tolerance)
    if backend == "jax":
        return export_jax(functools.partial(model.net.apply, model.net.params), path, inputs, outputs, name, tolerance)
    raise ExportError(f"the DeepXDE backend is {backend}; export_deepxde reads pytorch and jax, run with DDE_BACKEND=pytorch")


def _geometry_inputs(geometry):
    """Names and ranges of the inputs: the bounding box of the geometry, then time."""
    space = getattr(geometry, "geometry", geometry)
    names = ["x", "y", "z"] if space.dim <= 3 else [f"x{i + 1}" for i in range(space.dim)]
    low, high = ([float(v) for v in row] for row in space.bbox)
    inputs = [(name, a, b) for name, a, b in zip(names, low, high)]
    if hasattr(geometry, "timedomain"):
        inputs.append(("t", float(geometry.timedomain.t0), float(geometry.timedomain.t1)))
    return inputs
