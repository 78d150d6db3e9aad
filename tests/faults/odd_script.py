"""The odd processes: what the body of each does, and what is to become of it.

A body has `data`, `hyperparameters` and the modules of `HEAD`. `PASSES` and `FAILS` are in one session with all others;
`DIES` ends its interpreter, which costs a worker, or the session where there are none; `ALONE` leaves an interpreter in
which nothing else can be asked to go well, and has a session of its own.
"""

from __future__ import annotations

HEAD = """
import atexit, builtins, ctypes, gc, json, locale, os, random, resource, signal, subprocess, sys, threading, time
import warnings
from typing import Any

from pytest_expops.core import log_metric


def note(name):
    where = "first" if "pytest" in sys.modules else "replay"
    file = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, f"{name} {where}\\n".encode())
    os.close(file)


def hostile(base=Exception, **hooks):
    return type("Hostile", (base,), hooks)


def fails(self, *_):
    raise ValueError("looked at")


def interrupts(self, *_):
    raise KeyboardInterrupt


class Plain:
    pass


def source(data):
    return {"x": [1, 2, 3], "m": {"a": [1]}}
"""

PASSES = {
    "prints_much": "print('x' * 2_000_000)\nreturn {'x': 1}",
    "writes_to_descriptor_1": "os.write(1, b'\\xff\\x00 raw\\n' * 1000)\nreturn {'x': 1}",
    "prints_control_characters": "print('\\x1b[2J\\x00\\ud800'.encode('utf-8', 'replace'))\nreturn {'x': 1}",
    "leaves_a_daemon_thread": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\nreturn {'x': 1}",
    "leaves_a_thread": "threading.Thread(target=time.sleep, args=(2,)).start()\nreturn {'x': 1}",
    "leaves_a_thread_that_raises": "threading.Thread(target=fails, args=(1,)).start()\nreturn {'x': 1}",
    "leaves_a_child": "subprocess.Popen(['sleep', '3'])\nreturn {'x': 1}",
    "leaves_a_zombie": "os.fork() or os._exit(0)\nreturn {'x': 1}",
    "leaves_a_pipe": "os.pipe()\nreturn {'x': 1}",
    "leaves_a_lock": "threading.Lock().acquire()\nreturn {'x': 1}",
    "changes_the_folder": "os.chdir('/')\nreturn {'x': 1}",
    "changes_the_umask": "os.umask(0o027)\nreturn {'x': 1}",
    "clears_the_environment": "os.environ.clear()\nreturn {'x': 1}",
    "has_no_stdout": "sys.stdout = None\nreturn {'x': 1}",
    "has_no_streams": "sys.stdin = sys.stdout = sys.stderr = None\nreturn {'x': 1}",
    "has_another_stdout": "sys.stdout = Plain()\nreturn {'x': 1}",
    "ignores_signals": "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nreturn {'x': 1}",
    "closes_descriptor_0": "os.close(0)\nreturn {'x': 1}",
    "handles_signals": "signal.signal(signal.SIGUSR1, fails)\nos.kill(os.getpid(), signal.SIGCONT)\nreturn {'x': 1}",
    "returns_a_lambda": "return {'x': lambda: 1}",
    "returns_itself_in_itself": "found = []\nfound.append(found)\nreturn {'x': found}",
    "returns_a_cycle": "one = Plain()\none.other = Plain()\none.other.other = one\nreturn {'x': one}",
    "returns_nan": "return {'x': [float('nan'), -0.0, float('inf')], 'y': 10**5000, 'z': b'\\x00' * 100_000}",
    "returns_odd_keys": "return {'': 1, ' ': 2, '../../x': 3, '\\x00': 4, '\\ud800': 5, 'a' * 5000: 6}",
    "returns_nothing": "return {}",
    "returns_what_cannot_be_shown": "return {'x': hostile(__repr__=fails, __str__=fails)('a')}",
    "changes_its_inputs": "data['source']['x'].clear()\ndata['source'].clear()\ndata.clear()\nreturn {'x': 1}",
    "changes_its_parameters": "hyperparameters.clear()\nhyperparameters['a'] = 1\nreturn {'x': 1}",
    "changes_a_builtin": "builtins.input = None\nreturn {'x': 1}",
    "forgets_a_module": "sys.modules.pop('json', None)\nreturn {'x': 1}",
    "allows_deep_recursion": "sys.setrecursionlimit(100_000)\nreturn {'x': 1}",
    "traces": "sys.settrace(lambda *_: None)\nreturn {'x': 1}",
    "disables_collection": "gc.disable()\ngc.set_threshold(0)\nreturn {'x': 1}",
    "raises_at_exit": "atexit.register(fails, 1)\nreturn {'x': 1}",
    "replaces_the_hooks": "sys.excepthook = sys.unraisablehook = fails\nreturn {'x': 1}",
    "changes_the_locale": "locale.setlocale(locale.LC_ALL, 'C')\nreturn {'x': 1}",
    "is_nice": "os.nice(1)\nreturn {'x': 1}",
    "seeds": "random.seed(1)\nrandom.setstate(random.getstate())\nreturn {'x': random.random()}",
    "warns": "for n in range(2000): warnings.warn(f'{n}')\nreturn {'x': 1}",
    "allows_fewer_files": "most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))\nreturn {'x': 1}",
    "empties_the_path": "sys.path.clear()\nreturn {'x': 1}",
    "has_no_text_on_the_path": "sys.path[:] = [None, 5, Plain()]\nreturn {'x': 1}",
    "has_a_tuple_for_the_path": "sys.path = tuple(sys.path)\nreturn {'x': 1}",
    "has_no_path": "del sys.path\nreturn {'x': 1}",
    "empties_the_modules": "sys.modules.clear()\nreturn {'x': 1}",
    "hides_a_module": "sys.modules['json'] = None\nreturn {'x': 1}",
    "empties_the_finders": "sys.meta_path.clear()\nreturn {'x': 1}",
    "empties_the_import_hooks": "sys.path_hooks.clear()\nsys.path_importer_cache.clear()\nreturn {'x': 1}",
    "has_no_open": "builtins.open = None\nreturn {'x': 1}",
    "has_no_import": "builtins.__import__ = None\nreturn {'x': 1}",
    "has_no_builtins": "builtins.len = builtins.next = builtins.getattr = None\nreturn {'x': 1}",
    "has_other_variables": "os.environ = {}\nreturn {'x': 1}",
    "has_no_exit": "sys.exit = sys.excepthook = None\nreturn {'x': 1}",
    "cannot_recurse": "sys.setrecursionlimit(60)\nreturn {'x': 1}",
    "raises_within": "try:\n    raise hostile(__str__=fails)()\nexcept Exception:\n    return {'x': 1}",
}
FAILS = {
    "returns_none": "return None",
    "returns_a_list": "return [1]",
    "returns_number_keys": "return {1: 2}",
    "returns_a_generator": "return {'x': (n for n in [1])}",
    "yields": "yield {'x': 1}",
    "returns_a_file": "return {'x': open(os.devnull)}",
    "returns_a_lock": "return {'x': threading.Lock()}",
    "returns_what_cannot_be_stored": "return {'x': hostile(__reduce_ex__=fails)('a')}",
    "returns_a_lying_dict": "return hostile(object, __class__=property(lambda self: dict))()",
    "exits": "sys.exit(0)",
    "exits_with_a_text": "sys.exit('bye')",
    "raises_a_base_exception": "raise hostile(BaseException)('told')",
    "raises_what_fails_when_shown": "raise hostile(__str__=fails, __repr__=fails)('told')",
    "raises_what_interrupts_when_shown": "raise hostile(__str__=interrupts)('told')",
    "raises_what_lies": "raise hostile(__class__=property(lambda self: int))('told')",
    "raises_a_huge_message": "raise ValueError('x' * 20_000_000)",
    "raises_a_cycle": "error = ValueError('told')\nerror.__cause__ = error\nraise error",
    "raises_a_group": "raise ExceptionGroup('several', [ValueError(n) for n in range(1000)])",
    "raises_generator_exit": "raise GeneratorExit",
    "raises_stop_iteration": "raise StopIteration",
    "raises_no_exception": "raise 1",
    "raises_memory_error": "raise MemoryError",
    "recurses": "def again(): return again()\nreturn again()",
    "logs_no_number": "log_metric('m', 10**5000)\nreturn {}",
    "asserts": "assert False, hostile(__str__=fails)('told')",
}
DIES = {
    "exits_at_once": "os._exit(0)",
    "exits_at_once_with_3": "os._exit(3)",
    "aborts": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.abort()",
    "kills_itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "ends_itself": "signal.signal(signal.SIGTERM, signal.SIG_DFL)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)",
    "reads_no_memory": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nctypes.string_at(0)",
}
ALONE = {
    "forks_and_returns_in_both": "os.fork()\nreturn {'x': 1}",
    "closes_every_descriptor": "os.closerange(3, 256)\nreturn {'x': bytes(100_000)}",
    "closes_the_streams": "os.close(1)\nos.close(2)\nreturn {'x': 1}",
    "closes_stdout": "sys.stdout.close()\nreturn {'x': 1}",
    "may_write_no_more": "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
    "return {'x': bytes(100_000)}",
    "interrupts_itself": "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(1)\nreturn {'x': 1}",
    "returns_what_interrupts": "return {'x': hostile(object, __reduce_ex__=interrupts)()}",
    "raises_an_interrupt": "raise KeyboardInterrupt",
    "deletes_its_script": "os.unlink(__file__)\nreturn {'x': 1}",
    "has_an_alarm": "signal.alarm(1)\nreturn {'x': 1}",
}
