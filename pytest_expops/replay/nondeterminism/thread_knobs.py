"""How each library's threads are told to be few: a table, of which each library is a line.

What cannot be told from here, its user can: `fix` says how.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pytest_expops.replay.nondeterminism._native_threads import package_in
from pytest_expops.replay.nondeterminism._patching import Patches

Hold = Callable[[Any, int, ExitStack, Patches], None]


@dataclass(frozen=True, slots=True)
class Knob:
    """One library: `name` is that of its module.

    `fix` is what a user can write to have it compute with one thread. It reads `variables` when it is loaded. `hold`
    is called with its module when that is loaded, the number of threads, a stack of what puts back what was set, and
    the patches of the replay. `size` tells how many threads it now computes with. Its shared libraries may lie in
    folders of other `names`.
    """

    name: str
    fix: str
    variables: tuple[str, ...] = ()
    hold: Hold | None = None
    size: Callable[[Any], int] | None = None
    names: tuple[str, ...] = ()


def _set(get: str, put: str) -> Hold:
    """By a function of the library, which is called again at the end with what was set before."""

    def hold(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
        before = _call(module, get)
        if before != size:
            stack.callback(_call, module, put, before)
            _call(module, put, size)

    return hold


def _call(module: Any, function: str, *args: Any) -> Any:
    return getattr(module, function)(*args)


def _torch(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
    _set("get_num_threads", "set_num_threads")(module, size, stack, patches)
    # Once in the life of an interpreter, and not when the first work is done: what it is started for decides.
    with contextlib.suppress(RuntimeError, AttributeError):
        module.set_num_interop_threads(size)


def _numba(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
    if size < module.config.NUMBA_NUM_THREADS:  # to ask for the number starts the threads
        _set("get_num_threads", "set_num_threads")(module, size, stack, patches)


def _pyarrow(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
    _set("cpu_count", "set_cpu_count")(module, size, stack, patches)
    _set("io_thread_count", "set_io_thread_count")(module, size, stack, patches)


def _duckdb(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
    """Each database by its first connection, and that which the module's own functions use."""

    def connect(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        connection = original(*args, **kwargs)
        connection.execute(f"SET threads TO {size}")
        return connection

    (before,) = module.execute("SELECT current_setting('threads')").fetchone()
    stack.callback(module.execute, f"SET threads TO {before}")
    module.execute(f"SET threads TO {size}")
    patches.wrap(module, "connect", connect)


def _dask(module: Any, size: int, stack: ExitStack, patches: Patches) -> None:
    how = {"scheduler": "synchronous"} if size == 1 else {"num_workers": size}
    stack.enter_context(module.config.set(how))


def _tensorflow(module: Any) -> int:
    threading = module.config.threading
    sizes = threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()
    return max(sizes) if min(sizes) > 0 else 2  # 0 is as many as there are processors


_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_ALL = (
    Knob("numpy", "`OMP_NUM_THREADS=1`, `OPENBLAS_NUM_THREADS=1`", ("OMP_NUM_THREADS", *_BLAS)),
    Knob("scipy", "`workers=1`, `OPENBLAS_NUM_THREADS=1`"),
    Knob("sklearn", "`n_jobs=1`, `OMP_NUM_THREADS=1`", names=("scikit_learn",)),
    Knob("joblib", "`n_jobs=1`", ("LOKY_MAX_CPU_COUNT",)),
    Knob("numexpr", "`numexpr.set_num_threads(1)`", ("NUMEXPR_NUM_THREADS",)),
    Knob(
        "numba",
        "`numba.set_num_threads(1)`",
        ("NUMBA_NUM_THREADS",),
        _numba,
        lambda module: 1 if module.config.NUMBA_NUM_THREADS == 1 else int(module.get_num_threads()),
    ),
    Knob(
        "polars",
        "`POLARS_MAX_THREADS=1`",
        ("POLARS_MAX_THREADS",),
        size=lambda module: int(module.thread_pool_size()),
    ),
    Knob("tokenizers", "`TOKENIZERS_PARALLELISM=false`", ("RAYON_NUM_THREADS",)),
    Knob("torch", "`torch.set_num_threads(1)`", (), _torch, lambda module: int(module.get_num_threads())),
    Knob(
        "tensorflow",
        "`tf.config.threading.set_intra_op_parallelism_threads(1)`, the same for `inter_op`",
        ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
        size=_tensorflow,
    ),
    Knob(
        "pyarrow",
        "`pyarrow.set_cpu_count(1)`",
        ("ARROW_IO_THREADS",),
        _pyarrow,
        lambda module: int(module.cpu_count()),
    ),
    Knob(
        "cv2",
        "`cv2.setNumThreads(1)`",
        (),
        _set("getNumThreads", "setNumThreads"),
        lambda module: int(module.getNumThreads()),
        ("opencv_python", "opencv_python_headless", "opencv_contrib_python"),
    ),
    Knob("duckdb", "`SET threads TO 1`", (), _duckdb),
    Knob("dask", '`dask.config.set(scheduler="synchronous")`', (), _dask),
    Knob(
        "faiss",
        "`faiss.omp_set_num_threads(1)`",
        (),
        _set("omp_get_max_threads", "omp_set_num_threads"),
        lambda module: int(module.omp_get_max_threads()),
        ("faiss_cpu",),
    ),
    Knob("SimpleITK", "`ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1`", ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",)),
    Knob("gensim", "`workers=1`"),
    Knob("lightgbm", "`num_threads=1`"),
    Knob("xgboost", "`nthread=1`"),
    Knob("catboost", "`thread_count=1`"),
    Knob("onnxruntime", "`intra_op_num_threads = 1` of `SessionOptions`"),
    Knob("optuna", "`n_jobs=1`"),
    Knob("umap", "`n_jobs=1`"),
    Knob("pynndescent", "`n_jobs=1`"),
    Knob("hnswlib", "`index.set_num_threads(1)`"),
    Knob("implicit", "`num_threads=1`"),
    Knob("jax", "`XLA_FLAGS=--xla_cpu_multi_thread_eigen=false`"),
    Knob("spacy", "`n_process=1`"),
    Knob("ray", "`ray.init(num_cpus=1)`"),
)

KNOBS: Mapping[str, Knob] = {knob.name: knob for knob in _ALL}

VARIABLES = (*dict.fromkeys(name for knob in _ALL for name in knob.variables), "PYTHON_CPU_COUNT")
"""The variables by which libraries are told, when they are loaded, how many threads to compute with."""

OWN = "the project"
"""Stands for a package where it was a line of the project that started threads."""

HARMLESS = frozenset({"tqdm", "IPython", "ipykernel", "debugpy", "pydevd", "pytest_timeout"})
"""Packages whose threads show progress, or watch, and compute nothing."""


_NAMES = {name: knob.name for knob in _ALL for name in knob.names}


def known_as(package: str) -> str:
    """The name under which the table has the package that lies in a folder: `_polars_runtime_32` is of `polars`."""
    first = package.lstrip("_").partition("_")[0]
    return _NAMES.get(package) or (first if first in KNOBS else package)


def libraries(size: int, stack: ExitStack) -> dict[str, Callable[[Patches, ModuleType], None]]:
    """What to do with each module of the table when it is loaded, to have it compute with `size` threads."""

    def patch(hold: Hold) -> Callable[[Patches, ModuleType], None]:
        def to(patches: Patches, module: ModuleType) -> None:
            # Another version may lack what is called; then its threads are counted as not held.
            with contextlib.suppress(Exception):
                hold(module, size, stack, patches)

        return to

    return {knob.name: patch(knob.hold) for knob in _ALL if knob.hold is not None}


def limit_loaded_pools(size: int, stack: ExitStack) -> None:
    """Limit BLAS and OpenMP where they are loaded already, which `threadpoolctl` can, if it is installed."""
    if importlib.util.find_spec("threadpoolctl") is not None:
        import threadpoolctl

        stack.enter_context(threadpoolctl.threadpool_limits(limits=size))


def loaded_pools(package: str) -> list[int]:
    """The numbers of threads of the BLAS and OpenMP libraries that lie in a package, if `threadpoolctl` can tell."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return []
    import threadpoolctl

    pools = threadpoolctl.threadpool_info()
    return [pool["num_threads"] for pool in pools if known_as(package_in(pool["filepath"]) or "") == package]


def fixes(names: Iterable[str]) -> list[str]:
    """``gensim: `workers=1```, for each of these libraries that the table has."""
    return [f"{name}: {KNOBS[name].fix}" for name in names if name in KNOBS]
