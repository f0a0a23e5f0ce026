"""JAX programs: functions, modules of Flax and Equinox."""

import functools

from .errors import ExportError
from .model_file import Graph
from .same_answers import sample_points


def export_jax(function, path, inputs, outputs=None, name=None, tolerance=None, per_point=False):
    """Writes `function`, any function that JAX can trace: it reads one array [n, k] and returns arrays [n, m] or [n].

    per_point: it reads one point [k] instead, as Equinox modules do. inputs: one (name, min, max) or (name, min, max, unit)
    per column. outputs: names, or (name, unit), in order. Returns the model as it was written.
    """
    import jax
    import jax.numpy as jnp

    from .jax_arrays import Value
    from .jax_tracer import JaxTracer

    points = sample_points(inputs)
    dtype = jnp.zeros(()).dtype if not jax.config.jax_enable_x64 else jnp.float64
    batch = jnp.asarray(points, dtype)

    def of_point(x):
        result = function(x) if per_point else function(x[None, :])
        return jnp.concatenate([_columns(jnp, part, () if per_point else (1,)) for part in jax.tree.leaves(result)], -1).ravel()

    def of_points(x):
        result = jax.vmap(function)(x) if per_point else function(x)
        return jnp.concatenate([_columns(jnp, part, (len(points),)) for part in jax.tree.leaves(result)], -1)

    try:
        answers = jax.jit(of_points)(batch)
        closed = jax.make_jaxpr(of_point)(batch[0])
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise ExportError(f"JAX cannot trace the function: {str(error).splitlines()[0]}") from error
    graph = Graph(inputs)
    tracer = JaxTracer(graph)
    (result,) = tracer.run(closed, [Value(graph.inputs_value(), (len(inputs),))])
    at = tracer.node(result) if isinstance(result, Value) else graph.constant(result.ravel().tolist())
    rows = [[float(v) for v in row] for row in answers]
    return graph.write(path, at, outputs, name, tolerance, ([[float(v) for v in row] for row in batch], rows))


def export_flax(module, path, inputs, outputs=None, variables=None, name=None, tolerance=None, **arguments):
    """Writes a Flax module, which answers a batch [n, k]: of flax.linen with its variables (`module.init`, or
    {"params": state.params}), of flax.nnx without, in evaluation mode.

    arguments: further ones of the call, such as train=False.
    """
    if variables is None and hasattr(module, "apply"):
        raise ExportError('a module of flax.linen needs its variables: give variables={"params": params}')
    if variables is None:
        from flax import nnx

        # A copy: calls in training mode change statistics.
        call = nnx.merge(*nnx.split(module))
        call.eval()
    else:
        call = functools.partial(module.apply, variables)
    return export_jax(lambda x: call(x, **arguments), path, inputs, outputs, name, tolerance)


def export_equinox(module, path, inputs, outputs=None, name=None, tolerance=None):
    """Writes an Equinox module, which answers one point [k], or a scalar where it is made for one, in inference mode."""
    import equinox

    module = equinox.nn.inference_mode(module)
    scalar = getattr(module, "in_size", None) == "scalar"
    return export_jax(lambda x: module(x[0] if scalar else x), path, inputs, outputs, name, tolerance, per_point=True)


def _columns(jnp, part, batch):
    if part.shape[: len(batch)] != batch:
        raise ExportError(
            f"for {batch[0]} points the function answers an array of shape {part.shape}; one row per point is needed"
        )
    return jnp.asarray(part).reshape(*batch, -1)
