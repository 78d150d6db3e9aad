"""The live line stands below what pytest writes, and leaves no trace: laws against a terminal emulator."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_expops.plugin.progress import _line as line_module
from pytest_expops.plugin.progress._cells import Cursor, cells, clipped, printable
from pytest_expops.plugin.progress._line import LiveLine, watchable
from tests.plugin.progress.pseudo_terminal import DRAWING, Screen

COLUMNS, ROWS = 30, 8

pieces = st.one_of(
    st.sampled_from([".", "F", "\n", "\n\n", "\r", "\t", "\x1b]9;4;1;50\x1b\\", "\x1b[1m", "collecting 3 items"]),
    st.text("ab 重复é", max_size=40),
    st.text(".", min_size=COLUMNS - 1, max_size=COLUMNS + 1),
    st.builds("\x1b[32m{}\x1b[0m".format, st.text(".s", min_size=1, max_size=8)),
    st.builds("\r{:<25}".format, st.text("reworded", max_size=25)),
    st.builds("[gw{}] PASSED {}".format, st.integers(0, 12), st.text("test::_", min_size=1, max_size=50)),
)
texts = st.lists(pieces, max_size=25)
shown = st.sampled_from(["expops: 3 of 5 processes", "expops: 3; now 重重重重重重重重重重重重"])


class Terminal(io.TextIOWrapper):
    """A stream onto an emulated terminal; `redirected` as by pytest's capture."""

    def __init__(self, columns: int = COLUMNS) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.columns = columns
        self.redirected = False
        self.screen = Screen(columns, ROWS)
        self.raw = self.captured = ""

    def isatty(self) -> bool:
        return not self.redirected

    def fileno(self) -> int:
        raise OSError("no file")

    def flush(self) -> None:
        super().flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        text = buffer.getvalue().decode()
        buffer.seek(0)
        buffer.truncate()
        if self.redirected:
            self.captured += text
        else:
            self.raw += text
            # The terminal's driver makes a carriage return of every newline as well.
            self.screen.feed(text.replace("\n", "\r\n"))


@pytest.fixture(autouse=True, scope="module")
def width() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveLine, "_columns", lambda self: self._streams[0].columns)
        yield


def live(*streams: Terminal) -> LiveLine:
    return LiveLine(*streams, lock=threading.RLock())


@given(texts, st.integers(COLUMNS - 3, COLUMNS + 1))
def test_the_cursor_is_where_the_terminal_has_it(parts: list[str], columns: int) -> None:
    cursor, terminal = Cursor(), Terminal(columns)
    for part in parts:
        row = terminal.screen.row
        stays = cursor.feed(part, columns)
        terminal.write(part)
        terminal.flush()
        if cursor.column is not None:
            assert cursor.column == terminal.screen.column
        if stays:
            assert terminal.screen.row == row


@given(texts, st.data())
def test_the_line_stands_below_and_leaves_no_trace(parts: list[str], data: st.DataObject) -> None:
    terminal, alone = Terminal(), Terminal()
    with live(terminal) as line:
        for part in parts:
            if data.draw(st.booleans()):
                line.show(data.draw(shown))
                terminal.flush()
                alone.flush()
                row = alone.screen.row
                assert (terminal.screen.row, terminal.screen.column) == (row, alone.screen.column)
                assert terminal.screen.above(row + 1) == alone.screen.above(row + 1)
                drawn = DRAWING.findall(terminal.raw)
                assert terminal.screen.lines[row + 1 :] == ([drawn[-1].rstrip()] if line.visible else [])
            terminal.write(part)
            alone.write(part)
    terminal.flush()
    alone.flush()
    assert terminal.screen.lines == alone.screen.lines
    assert "write" not in vars(terminal)


def test_the_line_is_drawn_whenever_it_can_be() -> None:
    for written, stands in {
        "": True,
        "..": True,
        "重" * (COLUMNS // 2 - 1): True,
        "." * COLUMNS: False,  # one more would begin a row, which a terminal forgets when the cursor is moved
        "." * COLUMNS + ".": True,
        "重" * (COLUMNS // 2): False,
        "collecting\r": False,
        "collecting\rcollected 3": True,
        "collecting\rcoll": False,
        "\x1b[33mF\x1b[0m": True,
        "a\tb": False,
        "a\tb\n": True,
    }.items():
        terminal = Terminal()
        with live(terminal) as line:
            terminal.write(written)
            line.show("expops: 1 of 2")
            assert (written, line.visible) == (written, stands)


def test_dots_leave_the_line_standing_and_a_new_row_erases_it_first() -> None:
    terminal = Terminal()
    with live(terminal) as line:
        terminal.write("test_a.py ")
        line.show("expops: 1 of 2")
        before = terminal.raw
        terminal.write(".")
        terminal.write("\x1b[31mF\x1b[0m")
        terminal.flush()
        assert terminal.raw == before + ".\x1b[31mF\x1b[0m"
        assert terminal.screen.lines == ["test_a.py .F", "expops: 1 of 2"]
        terminal.write("\n")
        terminal.flush()
        assert terminal.screen.lines == ["test_a.py .F"]
        assert not line.visible


def test_nothing_is_drawn_once_somebody_has_moved_the_cursor() -> None:
    terminal = Terminal()
    with live(terminal) as line:
        terminal.write("a\nb")
        line.show("expops: 1 of 2")
        terminal.write("\x1b[A")
        assert not line.visible
        terminal.write("c\n")
        line.show("expops: 2 of 2")
        terminal.flush()
    assert terminal.screen.lines == ["ac", "b"]


def test_the_same_line_is_not_drawn_twice_but_anew_where_the_window_has_another_width() -> None:
    terminal = Terminal()
    with live(terminal) as line:
        line.show("expops: 1 of 2")
        raw = terminal.raw
        line.show("expops: 1 of 2")
        assert terminal.raw == raw
        terminal.columns += 1
        line.show("expops: 1 of 2")
        assert len(DRAWING.findall(terminal.raw)) == 2
        terminal.columns = line_module.NARROWEST - 1
        line.show("expops: 2 of 2")
        assert len(DRAWING.findall(terminal.raw)) == 2


def test_another_stream_of_the_terminal_is_watched_too() -> None:
    terminal, errors = Terminal(), Terminal()
    with live(terminal, errors) as line:
        terminal.write("..")
        line.show("expops: 1 of 2")
        errors.write("warning: no\n")
        terminal.flush()
        assert not line.visible
        assert terminal.screen.lines == [".."]
    errors.flush()
    assert errors.raw == "warning: no\n", "commands go to the first only"


def test_what_is_captured_is_left_alone() -> None:
    terminal = Terminal()
    with live(terminal) as line:
        line.show("expops: 1 of 2")
        terminal.redirected = True
        terminal.write("a test prints\n")
        line.hide()
        line.show("expops: 2 of 2")
        terminal.flush()
        assert (terminal.captured, line.visible) == ("a test prints\n", True)
        terminal.redirected = False
    terminal.flush()
    assert terminal.screen.lines == []


def test_a_stream_gets_back_what_it_had() -> None:
    terminal = Terminal()
    plain: list[str] = []
    first = vars(terminal)["write"] = lambda text: plain.append(text) or len(text)
    with live(terminal):
        assert terminal.write("abc") == 3
        assert terminal.write is not first
    assert (terminal.write, plain) == (first, ["abc"])


def test_a_later_wrapping_is_not_undone() -> None:
    terminal = Terminal()
    with live(terminal) as line:
        ours: Callable[[str], int] = terminal.write
        theirs = vars(terminal)["write"] = lambda text: ours(text.upper())
        line.show("expops: 1 of 2")
    assert terminal.write is theirs
    terminal.write("abc\n")
    terminal.flush()
    assert terminal.screen.lines == ["ABC"]


def test_a_stream_that_cannot_be_watched_is_told() -> None:
    class Slotted:
        __slots__ = ()

        def isatty(self) -> bool:
            return True

    assert not watchable(Slotted())
    assert not watchable(None)
    assert not watchable(io.StringIO())
    assert watchable(Terminal())


def test_who_writes_in_another_thread_never_writes_amid_a_drawing() -> None:
    terminal, end = Terminal(200), threading.Event()
    with live(terminal) as line:

        def draw() -> None:
            count = 0
            while not end.is_set():
                line.show(f"expops: {(count := count + 1)} of 2")

        thread = threading.Thread(target=draw)
        thread.start()
        for number in range(300):
            terminal.write(f"line {number} ")
            terminal.write("is whole\n")
        end.set()
        thread.join()
    terminal.flush()
    assert terminal.screen.lines == [f"line {number} is whole" for number in range(300)]
    assert DRAWING.search(terminal.raw)


def test_characters_take_the_cells_that_a_terminal_gives_them() -> None:
    assert [cells(each) for each in ("abc", "重复", "e\u0301", "", "naïve", "\u200b")] == [3, 4, 1, 0, 5, 0]
    assert printable("a\x1b[2Jb\n") == "a?[2Jb?"
    assert printable("训练_1 é") == "训练_1 é"


@given(st.text("ab 重复é\u0301", max_size=40), st.integers(0, 40))
@example("重重重", 4)
def test_a_clipped_text_fits_and_is_a_beginning(text: str, most: int) -> None:
    short = clipped(text, most)
    if cells(text) <= most:
        assert short == text
        return
    mark = "..."[:most]
    kept = short.removesuffix(mark)
    assert short.endswith(mark)
    assert text.startswith(kept)
    assert most - 1 <= cells(short) <= most
