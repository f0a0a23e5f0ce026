"""Keras 3 models, with any backend."""

import functools
import json
import os
import tempfile

from .command import run
from .errors import ExportError
from .jax_functions import export_jax


def export_keras(model, path, inputs, outputs=None, name=None, tolerance=None, command=None):
    """Writes a Keras 3 model as it answers in inference: Sequential, functional or subclassed.

    With the JAX backend the model is traced, whatever its layers do. With others it is saved as a functional model of
    layers and keras.ops, which the command `pinn-edge import` reads (command: as of `build`). inputs: one (name, min, max)
    or (name, min, max, unit) per column, over all input tensors in their order. outputs: names, or (name, unit), in order.
    Returns the model as it was written.
    """
    import keras

    if not keras.__version__.startswith("3"):
        raise ExportError(f"this is Keras {keras.__version__}; save the model as .h5, which pinn-edge import reads")
    if keras.backend.backend() == "jax":
        return export_jax(lambda x: _answer(keras, model, x), path, inputs, outputs, name, tolerance)
    columns = keras.Input((len(inputs),), name="columns")
    # Layers in the order of their calls, those of functions and classes of one's own as what they compute.
    plain = keras.Model(columns, _answer(keras, _opened(keras, model), columns))
    with tempfile.TemporaryDirectory() as folder:
        # Named as the model shall be.
        saved = os.path.join(folder, f"{os.path.splitext(os.path.basename(path))[0]}.keras")
        plain.save(saved)
        spec = os.path.join(folder, "spec.json")
        with open(spec, "w", encoding="utf-8") as file:
            json.dump(_spec(inputs, outputs, name, tolerance), file)
        run(["import", saved, "--spec", spec, "-o", os.fspath(path)], command)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _answer(keras, model, x):
    """The model's outputs [n, m] for all columns [n, k]; its input tensors are the columns in their order."""
    tensors = getattr(model, "inputs", None) or []
    structure = getattr(model, "_inputs_struct", None)
    if len(tensors) > 1:
        pieces, start = [], 0
        for tensor in tensors:
            pieces.append(x[:, start : start + tensor.shape[-1]])
            start += tensor.shape[-1]
        x = keras.tree.pack_sequence_as(structure, pieces)
    elif isinstance(structure, (dict, list, tuple)):
        x = keras.tree.pack_sequence_as(structure, [x])
    symbolic = any(isinstance(part, keras.KerasTensor) for part in keras.tree.flatten(x))
    # A subclass of Model says by its `call` what it does; called itself, it would be one operation.
    result = model.call(x) if symbolic and structure is None else model(x, training=False)
    parts = keras.tree.flatten(result)
    return parts[0] if len(parts) == 1 else keras.ops.concatenate(parts, axis=-1)


def _opened(keras, model):
    """The model with its Lambda layers and layers of one's own replaced by the operations that they call."""
    def call(layer, *arguments, **given):
        if isinstance(layer, keras.layers.Lambda):
            return layer.function(*arguments, **layer.arguments)
        if type(layer).__module__.split(".")[0] != "keras":
            given.pop("training", None)
            return layer.call(*arguments, **given)
        return layer(*arguments, **given)

    if isinstance(model, keras.Sequential):
        first = keras.Input(model.input_shape[1:])
        return keras.Model(first, functools.reduce(lambda x, layer: call(layer, x), model.layers, first))
    if getattr(model, "_inputs_struct", None) is None:
        return model
    clone = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    # Tensors in lists, whatever they were in.
    return keras.Model(clone.inputs, clone.outputs)


def _spec(inputs, outputs, name, tolerance):
    """What `pinn-edge import` is told beside the file."""
    named = [(o,) if isinstance(o, str) else tuple(o) for o in outputs or []]
    return {
        "inputs": [dict(zip(("name", "min", "max", "unit"), entry)) for entry in inputs],
        **({"outputs": [dict(zip(("name", "unit"), entry)) for entry in named]} if named else {}),
        **({"name": name} if name else {}),
        **({"tolerance": tolerance} if tolerance else {}),
    }
