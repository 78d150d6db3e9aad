"""TensorFlow's and Keras's global random state, as far as they let it be read."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import Any

import xxhash


@dataclass(slots=True)
class TensorFlowState:
    """The global seed, the state of what draws operation seeds (``None`` without a global seed), the generator."""

    seed: Any
    operations: Any
    generator: Any


class TensorFlow:
    """The global seed, the sequence of operation seeds, and `tf.random.get_global_generator`.

    Seeding does not initialise TensorFlow's devices, so that a process may still configure them. What cannot be read
    cannot be restored, or be started anew:

    - the counters inside the kernels of random ops that were given a seed of their own: `tf.random.set_seed`, and so
      a process, starts them anew, also for the session;
    - the seeds in a graph: a `tf.function` traced earlier keeps those of its tracing, and in TensorFlow 1 mode
      (`tf.compat.v1.disable_eager_execution`) a default graph keeps its own;
    - `tf.random.Generator` objects other than the global one belong to whoever made them.
    """

    name = "tensorflow"
    module = "tensorflow"
    needs = "random"

    def save(self) -> TensorFlowState:
        context = _eager_context()
        # `_rng` appears with the first global seed.
        operations = context._rng.getstate() if context._seed is not None else None
        return TensorFlowState(context._seed, operations, _stateful().global_generator)

    def seed(self, seed: int) -> None:
        sys.modules[self.module].random.set_seed(seed)
        _stateful().global_generator = _generator_on_use(_stateful().Generator)(seed)

    def restore(self, state: TensorFlowState) -> None:
        sys.modules[self.module].random.set_seed(state.seed)  # also clears kernels that carry the process's seeds
        if state.operations is not None:
            _eager_context()._rng.setstate(state.operations)
        _stateful().global_generator = state.generator

    def digest(self, state: TensorFlowState) -> str:
        # A generator that has not been used has no state yet; one made in a graph cannot be read from outside.
        variable = vars(state.generator).get("_state_var") if state.generator is not None else None
        numbers = variable.numpy().tolist() if variable is not None and hasattr(variable, "numpy") else None
        return xxhash.xxh3_64_hexdigest(repr((state.seed, state.operations, numbers)).encode())


def _eager_context() -> Any:
    return sys.modules["tensorflow.python.eager.context"].context()


def _stateful() -> Any:
    return sys.modules["tensorflow.python.ops.stateful_random_ops"]


@functools.cache
def _generator_on_use(base: Any) -> Any:
    """Return a `tf.random.Generator` class whose instances make their state when first asked for it.

    Making it creates a variable, and with that initialises every device.
    """

    class GeneratorOnUse(base):  # type: ignore[misc]  # the base is only known once TensorFlow is imported
        def __init__(self, seed: int) -> None:
            object.__setattr__(self, "_expops_seed", seed)

        def __getattr__(self, name: str) -> Any:
            if name not in ("_state_var", "_alg", "_distribution_strategy"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            # From here on an ordinary generator, which also ends the asking.
            seed = self.__dict__.pop("_expops_seed")
            object.__setattr__(self, "__class__", base)
            with sys.modules["tensorflow"].init_scope():  # a variable cannot be made inside a graph
                base.__init__(self, copy_from=base.from_seed(seed))
            return getattr(self, name)

    return GeneratorOnUse


class Keras:
    """Keras 3's own state: its global seed and seed generator, and the counters that name layers.

    Layers draw their seeds from Python's `random`, and are seeded with it. The names count, because `dense_7` in one
    run is `dense` in another that had the interpreter for itself. Keras 2 (`tf_keras`) draws from Python's `random`
    as well, unless its own `set_random_seed` was called.
    """

    name = "keras"
    module = "keras"
    needs = "Layer"

    _attributes = ("global_random_seed", "global_seed_generator", "object_name_uids")

    def save(self) -> dict[str, Any]:
        state = _global_state()
        if state is None:
            return {}
        found = {name: state.get_global_attribute(name) for name in self._attributes}
        names = found["object_name_uids"]
        return found | {"object_name_uids": None if names is None else names.copy()}

    def seed(self, seed: int) -> None:
        self.restore({"global_random_seed": seed})

    def restore(self, state: dict[str, Any]) -> None:
        keras = _global_state()
        if keras is not None:
            for name in self._attributes:
                keras.set_global_attribute(name, state.get(name))

    def digest(self, state: dict[str, Any]) -> str:
        generator = state.get("global_seed_generator")
        numbers = None if generator is None else generator.state.numpy().tolist()
        names = sorted((state.get("object_name_uids") or {}).items())
        return xxhash.xxh3_64_hexdigest(repr((state.get("global_random_seed"), numbers, names)).encode())


def _global_state() -> Any:
    return sys.modules.get("keras.src.backend.common.global_state")
