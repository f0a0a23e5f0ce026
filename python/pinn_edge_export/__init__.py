"""Writes `pinn-edge/1` models from DeepXDE, PyTorch, Keras and JAX. Needs nothing beyond the framework at hand.

    from pinn_edge_export import export_deepxde, export_torch, build, show

    export_deepxde(model, "model.json")                                   # ranges from the geometry, transforms included
    export_torch(net, "model.json", inputs=[("x", -1, 1, "m"), ("t", 0, 1, "s")], outputs=["u"])
    show(build("model.json", target="esp32", tol=1e-3))                   # runs the command pinn-edge

The model file is JSON with its weights in a `.safetensors` file beside it. The batch is the first axis of every input and
output; every point must be answered by itself. Before a file is written, its answers at some points are compared with the
framework's own.
"""

from .command import Build, build, show
from .deepxde_models import export_deepxde
from .errors import CommandError, ExportError
from .jax_functions import export_equinox, export_flax, export_jax
from .keras_models import export_keras
from .parameter_trees import export_tree
from .torch_modules import export_torch

__all__ = ["Build", "CommandError", "ExportError", "build", "export_deepxde", "export_equinox", "export_flax", "export_jax", "export_keras", "export_torch", "export_tree", "show"]
