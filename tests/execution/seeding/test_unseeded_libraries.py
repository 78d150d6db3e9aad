"""What `docs/seeding.md` says cannot be seeded is not, and the remedy that it names helps."""

from __future__ import annotations

import importlib.metadata
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops.execution.seeding.task_seeds import seeded

pytestmark = pytest.mark.filterwarnings("ignore")


def _twice(draw: Callable[[], Any], other_seed: int = 1) -> tuple[Any, Any]:
    drawn = []
    for seed in (1, other_seed):
        with seeded(seed):
            drawn.append(draw())
    return drawn[0], drawn[1]


def _differs(draw: Callable[[], Any]) -> bool:
    one, other = _twice(draw)
    return bool(one != other)


def library(name: str, version: str | None = None) -> Any:
    return pytest.importorskip(name, version, reason="tox environment `streams`")


@pytest.mark.parametrize("name", ["eigsh", "eigs", "svds"])
def test_scipy_starts_its_eigenvalues_at_random_from_1_17_on(name: str) -> None:
    library("scipy", "1.17")
    linalg, sparse = library("scipy.sparse.linalg"), library("scipy.sparse")
    matrix = sparse.random_array((200, 200), density=0.05, rng=np.random.default_rng(0))
    matrix = (matrix + matrix.T).tocsr()

    def vectors(**options: Any) -> list[Any]:
        first: Any = getattr(linalg, name)(matrix, k=3, **options)[0 if name == "svds" else 1]
        return np.ravel(first).tolist()  # type: ignore[no-any-return]

    # From 1.18 on, `svds` draws from NumPy's global stream again, which is seeded.
    follows = name == "svds" and not importlib.metadata.version("scipy").startswith("1.17.")
    assert _differs(vectors) is not follows
    assert not _differs(lambda: vectors(rng=random.getrandbits(32)))


def test_duckdb_needs_setseed_on_each_connection() -> None:
    duckdb = library("duckdb")

    def drawn(value: float | None = None) -> Any:
        connection = duckdb.connect()
        if value is not None:
            connection.execute("select setseed(?)", [value]).fetchall()
        return connection.execute("select random(), random()").fetchall()

    assert _differs(drawn)
    assert not _differs(lambda: drawn(random.random()))


def test_albumentations_needs_a_seed() -> None:
    transforms = library("albumentations", "1.4.21")
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)

    def drawn(seed: int | None = None) -> Any:
        return transforms.Compose([transforms.RandomBrightnessContrast(p=1)], seed=seed)(image=image)["image"].tolist()

    assert any(_differs(drawn) for _ in range(5))
    assert not any(_differs(lambda: drawn(random.getrandbits(31))) for _ in range(5))


def test_pyarrow_needs_an_initializer() -> None:
    compute = library("pyarrow.compute")
    assert _differs(lambda: compute.random(3).to_pylist())
    assert not _differs(lambda: compute.random(3, initializer=random.getrandbits(62)).to_pylist())


def test_the_engines_of_scipy_qmc_need_a_generator() -> None:
    qmc = library("scipy.stats.qmc")
    assert _differs(lambda: qmc.Sobol(2).random(2).tolist())
    assert not _differs(lambda: qmc.Sobol(2, seed=random.getrandbits(32)).random(2).tolist())


def test_generators_without_a_seed_are_made_from_the_system() -> None:
    assert _differs(lambda: np.random.default_rng().random())
    assert _differs(lambda: random.Random().random())
    assert not _differs(lambda: np.random.default_rng(random.getrandbits(64)).random())


def _in_a_thread(draw: Callable[[], Any]) -> Any:
    drawn: list[Any] = []
    thread = threading.Thread(target=lambda: drawn.append(draw()))
    thread.start()
    thread.join()
    return drawn[0]


def test_opencv_begins_alike_in_every_new_thread_whatever_the_seed() -> None:
    cv2 = library("cv2")

    def draw() -> Any:
        return cv2.randu(np.zeros(3), 0, 1).ravel().tolist()

    one, other = _twice(lambda: _in_a_thread(draw), other_seed=2**63)
    assert one == other
    one, other = _twice(draw, other_seed=2**63)
    assert one != other


def test_numba_seeds_other_threads_and_parallel_loops_from_the_system() -> None:
    numba = library("numba")

    @numba.njit  # type: ignore[untyped-decorator]
    def draw() -> float:
        return np.random.random()

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator]
    def draw_in_parallel() -> Any:
        drawn = np.empty(8)
        for place in numba.prange(8):
            drawn[place] = np.random.random()
        return drawn

    assert not _differs(draw)
    assert _differs(lambda: _in_a_thread(draw))
    if numba.get_num_threads() > 1:
        assert _differs(lambda: draw_in_parallel().tolist())


def test_the_second_of_a_pair_of_normals_of_numba_is_dropped() -> None:
    numba = library("numba")

    @numba.njit  # type: ignore[untyped-decorator]
    def draw() -> float:
        return np.random.normal()

    @numba.njit  # type: ignore[untyped-decorator]
    def start(seed: int) -> None:
        np.random.seed(seed)

    start(7)
    pairs = [(draw(), draw()) for _ in range(2)]
    start(7)
    assert draw() == pairs[0][0]
    with seeded(1):
        draw()
    assert draw() == pairs[1][0]


def test_polars_has_one_stream_for_all_threads_which_is_seeded() -> None:
    polars = library("polars")
    assert not _differs(lambda: _in_a_thread(lambda: polars.Series(list(range(40))).shuffle().to_list()))
