"""Operations of PyTorch without a fixed order: what PyTorch warns of, and what its documentation says of CUDA.

PyTorch warns only while it is told to be deterministic. Then it runs other kernels, and does not warn where it has
deterministic ones (`index_add`, convolutions): of these only the documentation tells. So this is for a run of its own,
of which nothing but the alerts is used.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from pytest_expops.replay.nondeterminism._call_sites import Askers
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Site

ELSEWHERE = "here on the CPU"
"""Of an operation that is documented for CUDA, and was met on the CPU."""

_MOST = 50
_WARNED = re.compile(r"(\w+) does not have a deterministic implementation")
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_DOCUMENTED = re.compile(r"^ *\* :(?:func|class):`torch\.([\w.]+)`(.*(?:\n +(?![ *]).*)*)", re.MULTILINE)
"""An entry of the lists in the documentation of `torch.use_deterministic_algorithms`, and what it says of it."""


@contextmanager
def noting_alerts(owns_file: Callable[[str], bool]) -> Iterator[Callable[[], tuple[Site, ...]]]:
    """Give a function that says which lines of the project called such operations; `Site.what` is what is known of it.

    Afterwards PyTorch is as it was before, also where it was imported meanwhile. It is not imported for this.
    """
    with ExitStack() as stack:
        alerts = _Alerts(Askers(owns_file), stack)
        stack.enter_context(patching({"torch": alerts.begin}))
        yield alerts.sites


class _Alerts:
    """The operations that were met, each once a line."""

    def __init__(self, askers: Askers, stack: ExitStack) -> None:
        self._askers = askers
        self._stack = stack
        self._sites: dict[Site, None] = {}

    def sites(self) -> tuple[Site, ...]:
        return tuple(self._sites)

    def begin(self, patches: Patches, torch: ModuleType) -> None:
        """Have PyTorch warn from now on."""
        memory = torch.utils.deterministic
        self._stack.callback(setattr, memory, "fill_uninitialized_memory", memory.fill_uninitialized_memory)
        # The same as `torch.use_deterministic_algorithms(..., warn_only=True)`, but that imports a compiler as well.
        self._stack.callback(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
        self._stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("always", message=f".*({_WARNED.pattern}|{_CUBLAS})")
        show = warnings.showwarning

        def shown(message: Any, *args: Any, **kwargs: Any) -> None:
            if not self._is_alert(str(message)):
                show(message, *args, **kwargs)

        warnings.showwarning = shown
        self._stack.enter_context(_watch(torch, self._documented))
        memory.fill_uninitialized_memory = False
        torch.set_deterministic_debug_mode("warn")

    def _is_alert(self, text: str) -> bool:
        warned = _WARNED.match(text)
        if warned is None and _CUBLAS not in text:
            return False
        name = warned[1] if warned else "cuBLAS"
        rest = "" if warned else f" unless {_CUBLAS} is set"
        self._note(f"{name}: PyTorch warns that it has no deterministic implementation{rest}")
        return True

    def _documented(self, name: str, when: str, on_cuda: bool) -> None:
        known = " ".join(filter(None, [f"{name}: nondeterministic", when]))
        self._note(f"{known}, says PyTorch's documentation; {'here on CUDA' if on_cuda else ELSEWHERE}")

    def _note(self, what: str) -> None:
        asked = self._askers.find()
        if asked is not None and not asked.aside and len(self._sites) < _MOST:
            self._sites[Site(self._askers.real_path(asked.file), asked.line, asked.function, what)] = None


def _watch(torch: Any, tell: Callable[[str, str, bool], None]) -> Any:
    """Return a context in which each call of a documented function is told: its name, when, and whether on CUDA."""
    known = documented(torch.use_deterministic_algorithms.__doc__ or "")

    class Watching(torch.overrides.TorchFunctionMode):  # type: ignore[misc] # PyTorch is not there when this is checked
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
        ) -> Any:
            kwargs = kwargs or {}
            name = getattr(func, "__name__", "")
            when = known.get(plain_name(name))
            if when is not None:
                tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor)]
                tell(name, when, any(each.is_cuda for each in tensors))
            return func(*args, **kwargs)

    return Watching()


def documented(text: str) -> dict[str, str]:
    """Return what PyTorch's documentation lists: by plain name of the operation, when it has no fixed order.

    Without operations for which that is so on the CPU alone: those are found by other means, as anything else there.
    """
    found: dict[str, list[str]] = {}
    for name, rest in _DOCUMENTED.findall(text):
        if "CPU" not in rest or "CUDA" in rest:
            when = " ".join(rest.replace("`", "").split()).rstrip(":,")
            found.setdefault(plain_name(name.rpartition(".")[2]), []).append(when)
    return {name: ", or ".join(whens) for name, whens in found.items()}


def plain_name(name: str) -> str:
    """Return what a layer, its function, and that in place have in common: ``maxpool3d``, ``nllloss``, ``indexadd``."""
    return name.replace("_", "").lower()
