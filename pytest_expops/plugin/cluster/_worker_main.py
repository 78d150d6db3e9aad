"""The interpreter of a worker of a cluster: opens the session that its first message names, and does what is asked."""

from __future__ import annotations

import os
import queue
import signal
import sys
import tempfile
import threading
import traceback
from typing import Any

from pytest_expops.errors import ExpopsError
from pytest_expops.replay.messages import Lines, send

IDLE_SECONDS = 600.0
"""An interpreter that nothing is asked of for so long ends; another one is started when there is something to do."""


def main() -> None:
    """Serve until standard input ends, or nothing has been asked for long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then has this process ended
    requests, answers = os.dup(0), os.dup(1)
    printed = tempfile.TemporaryFile()  # noqa: SIM115 (for as long as this process lives)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for descriptor in (1, 2):
        os.dup2(printed.fileno(), descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(Lines(requests), messages), daemon=True).start()
    _serve(messages, answers, printed)
    os._exit(0)


def _read(lines: Lines, messages: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass messages on. At the end of them leave at once, with all that was started here: the worker has died."""
    while (message := lines.next()) is not None:
        messages.put(message)
    os.killpg(os.getpid(), signal.SIGKILL)  # it leads a group, which the worker would have ended


def _serve(messages: queue.SimpleQueue[dict[str, Any]], answers: int, printed: Any) -> None:
    ticket = messages.get()
    try:
        from pytest_expops.plugin.cluster._worker_session import WorkerSession

        session = WorkerSession.opened(ticket, printed)
        refused = ""
    except ExpopsError as error:
        session, refused = None, str(error)
    except Exception:
        session, refused = None, traceback.format_exc()
    signal.signal(signal.SIGTERM, lambda *_: _leave(session))
    while True:
        try:
            message = messages.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            break
        if session is None:
            send(answers, {"refused": f"worker {ticket['name']} cannot take part: {refused}"})
            continue
        try:
            answer = session.answer(message)
        except ExpopsError as error:
            answer = {"lost": str(error)}
        except Exception:
            answer = {"lost": traceback.format_exc()}
        send(answers, answer)
    _leave(session)


def _leave(session: Any) -> None:
    if session is not None:
        session.close()
    os._exit(0)
