"""The random streams of PyTorch, TensorFlow and Keras themselves (S4.3)."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tf() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return pytest.importorskip("tensorflow")


def torch_draw(torch: Any) -> list[Any]:
    layer = torch.nn.Linear(3, 2)
    dropped = torch.nn.Dropout(0.5)(torch.ones(20))
    loader = torch.utils.data.DataLoader(torch.arange(8), batch_size=3, shuffle=True)
    return [
        layer.weight.tolist(),
        dropped.tolist(),
        [batch.tolist() for batch in loader],
        torch.randn(1).item(),  # a single normal deviate leaves its twin in the generator
        torch.randint(10**9, (2,)).tolist(),
    ]


def tf_draw(tf: Any) -> list[Any]:
    shuffled = tf.data.Dataset.range(8).shuffle(8)
    return [
        tf.random.uniform([3]).numpy().tolist(),
        tf.random.normal([2]).numpy().tolist(),
        tf.function(lambda: tf.random.uniform([2]))().numpy().tolist(),
        [int(each) for each in shuffled],
        tf.random.get_global_generator().normal([2]).numpy().tolist(),
    ]


def keras_draw(tf: Any) -> list[Any]:
    keras = tf.keras
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    return [
        [layer.name for layer in model.layers],
        [weight.tolist() for weight in model.get_weights()],
        model(tf.ones((2, 3)), training=True).numpy().tolist(),
        keras.random.normal((2,)).numpy().tolist(),
        keras.random.uniform((2,)).numpy().tolist(),
    ]


def under(seed: int, draw: Callable[[Any], list[Any]], library: Any) -> list[Any]:
    with seeded(seed):
        return draw(library)


DRAWS = [("torch", torch_draw), ("tf", tf_draw), ("tf", keras_draw)]
each_library = pytest.mark.parametrize(("fixture", "draw"), DRAWS, ids=["torch", "tensorflow", "keras"])


@each_library
def test_streams_depend_on_nothing_but_the_seed(
    fixture: str, draw: Callable[[Any], list[Any]], request: pytest.FixtureRequest
) -> None:
    library = request.getfixturevalue(fixture)
    expected = under(2**64 - 1, draw, library)
    draw(library)
    assert under(2**64 - 1, draw, library) == expected
    # Each kind of draw depends on the seed, except the layers' names.
    same = [one == other for one, other in zip(expected, under(5, draw, library), strict=True)]
    assert same == [draw is keras_draw, False, False, False, False]


@each_library
def test_a_step_leaves_the_stream_of_its_process_as_it_found_it(
    fixture: str, draw: Callable[[Any], list[Any]], request: pytest.FixtureRequest
) -> None:
    library = request.getfixturevalue(fixture)
    with seeded(1):
        expected = [draw(library), draw(library)]
    in_step = under(2, draw, library)
    with seeded(1):
        first = draw(library)
        assert under(2, draw, library) == in_step
        assert [first, draw(library)] == expected


def test_the_session_goes_on_with_its_own_torch_stream(torch: Any) -> None:
    torch.manual_seed(7)
    torch.randn(1)
    digest = rng_digests()["torch"]
    expected = torch_draw(torch)
    torch.manual_seed(7)
    torch.randn(1)
    with seeded(1):
        torch_draw(torch)
        assert rng_digests()["torch"] != digest
    assert rng_digests()["torch"] == digest
    assert torch.initial_seed() == 7
    assert torch_draw(torch) == expected


def test_the_session_goes_on_with_its_own_tensorflow_and_keras_streams(tf: Any) -> None:
    def session(process: Callable[[], object]) -> list[Any]:
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(7)
        generator = tf.random.Generator.from_seed(7)
        tf.random.set_global_generator(generator)
        drawn = [tf_draw(tf), keras_draw(tf)]
        digests = rng_digests()
        process()
        assert rng_digests() == digests
        assert tf.random.get_global_generator() is generator
        return [*drawn, tf_draw(tf), keras_draw(tf)]

    def process() -> None:
        digests = rng_digests()
        with seeded(1):
            tf_draw(tf)
            keras_draw(tf)
            inside = rng_digests()
        assert (inside["tensorflow"] != digests["tensorflow"], inside["keras"] != digests["keras"]) == (True, True)

    assert session(process) == session(lambda: None)


def test_a_session_that_has_not_seeded_tensorflow_stays_unseeded(tf: Any) -> None:
    tf.random.set_seed(None)
    tf.random.set_global_generator(None)
    drawn = []
    for _ in range(2):
        with seeded(1):
            tf_draw(tf)
        drawn.append(tf.random.uniform([4]).numpy().tolist())
    assert drawn[0] != drawn[1]


def test_the_global_generator_can_first_be_used_inside_a_function(tf: Any) -> None:
    def draw() -> list[float]:
        function = tf.function(lambda: tf.random.get_global_generator().normal([2]))
        return [*function().numpy().tolist(), *function().numpy().tolist()]

    with seeded(1):
        expected = draw()
    with seeded(1):
        assert isinstance(tf.random.get_global_generator(), tf.random.Generator)
        assert draw() == expected
    by_hand = tf.random.Generator.from_seed(1)
    assert [*by_hand.normal([2]).numpy().tolist(), *by_hand.normal([2]).numpy().tolist()] == expected
    assert len(set(expected)) == 4


def test_cuda_is_not_initialised_to_be_seeded_and_its_queue_is_put_back(torch: Any) -> None:
    if torch.cuda.is_initialized():
        pytest.skip("CUDA is already initialised in this session")
    torch.cuda.manual_seed_all(7)
    queue = torch.cuda._lazy_seed_tracker
    before = dict(vars(queue))
    with seeded(1):
        inside = dict(vars(queue))
        callback, _ = inside["manual_seed_all_cb"]
        # What CUDA's own start will call to seed every device.
        assert callback.__closure__ is not None
        assert 1 in [cell.cell_contents for cell in callback.__closure__]
    assert dict(vars(queue)) == before
    assert not torch.cuda.is_initialized()


def test_cuda_streams_are_seeded_and_restored(torch: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    with seeded(1):
        expected = torch.rand(4, device="cuda").tolist()
    torch.cuda.manual_seed_all(7)
    session = torch.rand(8, device="cuda").tolist()
    torch.cuda.manual_seed_all(7)
    first = torch.rand(4, device="cuda").tolist()
    with seeded(1):
        assert torch.rand(4, device="cuda").tolist() == expected
    assert [*first, *torch.rand(4, device="cuda").tolist()] == session


_WHO_IMPORTS = """
import json, os, random, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded

def use():
    import numpy as np, torch, tensorflow as tf
    layer = tf.keras.layers.Dense(3)
    layer.build((None, 2))
    return [
        random.random(), np.random.random_sample(), torch.randn(3).tolist(), tf.random.uniform([3]).numpy().tolist(),
        layer.name, layer.get_weights()[0].tolist(), tf.random.get_global_generator().normal([1]).numpy().tolist(),
    ]

def before():
    import torch, tensorflow as tf, numpy as np
    tf.keras.utils.set_random_seed(99); torch.manual_seed(99); np.random.randn(); tf.keras.layers.Dense(1)

def in_step():
    with seeded(2):
        return use()

if sys.argv[1] == "session":
    before()
with seeded(1):
    start = random.random()
    if sys.argv[1] == "process":
        import tensorflow, torch
    drawn = [start, in_step(), use(), rng_digests()]
print(json.dumps(drawn))
"""


def test_it_makes_no_difference_who_imports_the_libraries(torch: Any, tf: Any, tmp_path: Path) -> None:
    """Importing TensorFlow draws from Python's `random`, by way of Keras: that must not show either."""
    script = tmp_path / "script.py"
    script.write_text(_WHO_IMPORTS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    running = [
        subprocess.Popen(
            [sys.executable, str(script), importer],
            env={**environment, "PYTHONHASHSEED": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, importer in enumerate(["session", "process", "step"])
    ]
    drawn = []
    for each in running:
        printed, complaints = each.communicate()
        assert each.returncode == 0, complaints
        drawn.append(json.loads(printed.splitlines()[-1]))
    session, process, step = drawn
    assert process == session
    assert step == session
    assert sorted(session[-1]) == ["keras", "numpy", "python", "tensorflow", "torch"]


def test_seeding_does_not_initialise_tensorflow(tf: Any, tmp_path: Path) -> None:
    code = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded
with seeded(1):
    import tensorflow as tf
    rng_digests()
    with seeded(2):
        tf.config.threading.set_inter_op_parallelism_threads(1)  # refused once TensorFlow is initialised
        tf.config.set_visible_devices([], "GPU")
with seeded(3):
    tf.config.threading.set_inter_op_parallelism_threads(2)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_python_draws_are_not_changed_by_seeding_the_rest(torch: Any, tf: Any) -> None:
    with seeded(5):
        drawn = random.random()
    random.seed(5)
    assert random.random() == drawn
