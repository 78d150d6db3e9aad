"""The operating system's randomness: what draws on it agrees when it is held, and only then (S7.1)."""

from __future__ import annotations

import os
import random
import secrets
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.replay.nondeterminism._entropy import Entropy
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = Entropy()

DRAWS = {
    "os.urandom(40)": "os.urandom()",
    "os.getrandom(8)": "os.getrandom()",
    "uuid.uuid1()": "uuid.uuid1()",
    "uuid.uuid4()": "uuid.uuid4()",
    "secrets.token_hex()": "secrets.token_hex()",
    "secrets.randbelow(10**9)": "secrets.randbelow()",
    "random.SystemRandom().random()": "os.urandom()",
    "random.Random().random()": "random.Random() without a seed",
    "random.Random(None).random()": "random.Random() without a seed",
    "(random.seed(), random.random())": "random.seed() without a seed",
    "np.random.default_rng().random()": "numpy.random.default_rng() without a seed",
    "np.random.RandomState().rand()": "a generator of numpy.random without a seed",
    "np.random.PCG64().random_raw()": "a generator of numpy.random without a seed",
    "np.random.SeedSequence().entropy": "a generator of numpy.random without a seed",
    "(np.random.seed(), np.random.rand())": "numpy.random.seed() without a seed",
}
NO_DRAWS = [
    "random.Random(5).random()",
    "(random.seed(5), random.random())",
    "np.random.default_rng(5).random()",
    "np.random.RandomState(5).rand()",
    "uuid.uuid5(uuid.NAMESPACE_DNS, 'a')",
    "random.random()",
]
PATCHED = [
    *((os, name) for name in ("urandom", "getrandom")),
    *((random, name) for name in ("_urandom", "seed")),
    (random.Random, "seed"),
    *((uuid, name) for name in ("uuid1", "uuid4")),
    *((secrets, name) for name in ("token_hex", "randbits")),
    *((np.random, name) for name in ("default_rng", "seed")),
    (np.random.bit_generator, "randbits"),
    (np.random.MT19937, "_legacy_seeding"),
]


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """Everything must be as it was found; and the global generators are seeded by somebody else."""
    before = [vars(owner)[name] for owner, name in PATCHED]
    states = random.getstate(), np.random.get_state()
    yield Probe(tmp_path)
    assert [vars(owner)[name] for owner, name in PATCHED] == before
    random.setstate(states[0])
    np.random.set_state(states[1])


def _value(probe: Probe, setting: Setting, expression: str) -> Any:
    text = f"import os, random, secrets, uuid, numpy as np\nvalue = {expression}"
    np.random.seed(1)  # As in a process. `numpy.random.seed()` goes on at the position where the stream was.
    return probe.under(SOURCE, setting, text)["value"]


@pytest.mark.parametrize("expression", DRAWS)
def test_a_draw_differs_unless_it_is_held(probe: Probe, expression: str) -> None:
    assert _value(probe, NATURAL, expression) != _value(probe, NATURAL, expression)
    assert _value(probe, HELD, expression) == _value(probe, HELD, expression)


@pytest.mark.parametrize(("expression", "what"), DRAWS.items())
def test_the_line_of_a_draw_and_what_it_calls_are_known(probe: Probe, expression: str, what: str) -> None:
    text = f"import os, random, secrets, uuid, numpy as np\n\nvalue = {expression}"
    assert probe.sites(SOURCE, text) == {3: {what}}


def test_a_generator_made_without_a_seed_and_then_given_one_hides_no_draw_on_the_same_line(probe: Probe) -> None:
    text = "import numpy as np\n[np.random.RandomState(seed) for seed in (5, None, 5)]"
    assert probe.sites(SOURCE, text) == {2: {"a generator of numpy.random without a seed"}}


@pytest.mark.parametrize("expression", NO_DRAWS)
def test_what_is_seeded_is_no_draw_and_is_not_touched(probe: Probe, expression: str) -> None:
    random.seed(1)
    natural = _value(probe, NATURAL, expression)
    random.seed(1)
    assert _value(probe, HELD, expression) == natural
    assert probe.sites(SOURCE, f"import random, uuid, numpy as np\nvalue = {expression}") == {}


def test_held_draws_are_of_the_right_kind_and_differ_among_themselves(probe: Probe) -> None:
    found = probe.under(
        SOURCE,
        HELD,
        """
        import os, secrets, uuid
        ids = [uuid.uuid4() for _ in range(100)]
        first = uuid.uuid1()
        sizes = [len(os.urandom(size)) for size in (0, 1, 31, 32, 33, 1000)]
        below = {secrets.randbelow(3) for _ in range(100)}
        """,
    )
    assert len(set(found["ids"])) == 100
    assert {each.version for each in found["ids"]} == {4}
    assert (type(found["first"]), found["first"].version) == (uuid.UUID, 1)
    assert found["sizes"] == [0, 1, 31, 32, 33, 1000]
    assert found["below"] == {0, 1, 2}


def test_no_line_is_put_out_of_step_by_the_draws_of_another(probe: Probe) -> None:
    text = """
        import uuid
        others = [uuid.uuid4() for _ in range(count)]
        value = uuid.uuid4()
    """
    values = [probe.under(SOURCE, HELD, text, count=count)["value"] for count in (0, 7)]
    assert values[0] == values[1]


def test_two_lines_draw_differently(probe: Probe) -> None:
    found = probe.under(SOURCE, HELD, "import os\na = os.urandom(16)\nb = os.urandom(16)")
    assert found["a"] != found["b"]


def test_only_the_lines_asked_for_are_held(probe: Probe) -> None:
    text = "import uuid\na = uuid.uuid4()\nb = uuid.uuid4()"
    setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:3",))
    first, second = (probe.under(SOURCE, setting, text) for _ in range(2))
    assert first["a"] != second["a"]
    assert first["b"] == second["b"]


def test_a_draw_by_a_library_on_behalf_of_the_project_is_held(probe: Probe) -> None:
    text = "value = sample()"
    library: dict[str, Any] = {}
    exec(compile("import uuid\ndef sample(): return uuid.uuid4()", "/lib/library.py", "exec"), library)
    values = [probe.under(SOURCE, HELD, text, sample=library["sample"])["value"] for _ in range(2)]
    assert values[0] == values[1]


def test_nobody_else_is_held(probe: Probe) -> None:
    with SOURCE.apply(HELD, probe.watcher):
        first = uuid.uuid4(), random.Random().random(), np.random.default_rng().random(), os.urandom(8)
    with SOURCE.apply(HELD, probe.watcher):
        second = uuid.uuid4(), random.Random().random(), np.random.default_rng().random(), os.urandom(8)
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert probe.watcher.all_sites() == {}


def test_names_of_temporary_files_are_left_alone(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import tempfile\nfolder = tempfile.mkdtemp()"
    folders = []
    for _ in range(2):
        # As in a new interpreter, which has not drawn a name yet.
        monkeypatch.setattr(tempfile, "_name_sequence", tempfile._RandomNameSequence())  # type: ignore[attr-defined]
        folders.append(probe.under(SOURCE, HELD, text)["folder"])
        os.rmdir(folders[-1])
    assert folders[0] != folders[1]
    assert probe.watcher.all_sites() == {}


def test_a_function_kept_beyond_the_replay_is_the_original_again(probe: Probe) -> None:
    text = "from os import urandom\nfrom uuid import uuid4\nfrom numpy.random import default_rng\nvalue = uuid4()"
    kept = [probe.under(SOURCE, HELD, text) for _ in range(2)]
    assert kept[0]["value"] == kept[1]["value"]
    assert kept[0]["uuid4"]() != kept[1]["uuid4"]()
    assert kept[0]["urandom"](8) != kept[1]["urandom"](8)
    assert (kept[0]["default_rng"].__module__, kept[0]["default_rng"].__qualname__) == (
        np.random.default_rng.__module__,
        np.random.default_rng.__qualname__,
    )


@pytest.mark.ml
def test_pytorch_and_tensorflow_get_a_seed_that_is_held(probe: Probe) -> None:
    torch, tf = pytest.importorskip("torch"), pytest.importorskip("tensorflow")
    text = """
        a = torch.seed()
        b = torch.Generator().seed()
        c = tf.random.Generator.from_non_deterministic_state().normal([2]).numpy().tolist()
        d = torch.rand(2).tolist()
    """
    free = [probe.under(SOURCE, NATURAL, text, torch=torch, tf=tf) for _ in range(2)]
    held = [probe.under(SOURCE, HELD, text, torch=torch, tf=tf) for _ in range(2)]
    for name in "abcd":
        assert free[0][name] != free[1][name]
        assert held[0][name] == held[1][name]
    assert type(torch.Generator().seed) is type(torch.Generator().manual_seed)
