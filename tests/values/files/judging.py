"""Two files, or two contents of one file name, judged as what a program wrote in two runs."""

from __future__ import annotations

from pathlib import Path

from pytest_expops.values.comparison import compare
from pytest_expops.values.files.content import content_of
from pytest_expops.values.fingerprint import fingerprint


class Judge:
    """A folder for each of two runs; `write` may differ in bytes, and `paths` says where the content does."""

    def __init__(self, root: Path) -> None:
        self.one, self.other = root / "one", root / "other"
        self.one.mkdir()
        self.other.mkdir()

    def contents(self, name: str, one: bytes, other: bytes, *, trusted: bool = False) -> tuple[object, object]:
        (self.one / name).write_bytes(one)
        (self.other / name).write_bytes(other)
        return content_of(self.one / name, trusted=trusted), content_of(self.other / name, trusted=trusted)

    def paths(self, name: str, one: bytes, other: bytes, *, trusted: bool = False, rtol: float = 0.0) -> list[str]:
        """Return where two contents of a file differ, after a check that fingerprints say the same of them."""
        contents = self.contents(name, one, other, trusted=trusted)
        exact = compare(*contents)
        assert (fingerprint(contents[0]) == fingerprint(contents[1])) is not bool(exact)
        return [each.path for each in compare(*contents, path=f"files[{name!r}]", rtol=rtol)]

    def same(self, name: str, one: bytes, other: bytes, *, trusted: bool = False) -> bool:
        """Return whether two files of other bytes have one content."""
        assert one != other
        return not self.paths(name, one, other, trusted=trusted)
