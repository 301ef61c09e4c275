"""The command `tinct`: parsing and printing only; the work is done elsewhere.

Heavy modules are imported inside the verbs, and `--version` is answered before any import at all,
so that asking costs nothing. stdout carries data alone; all talk goes to stderr.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from tinct.errors import TinctError
from tinct.version import __version__

INTERRUPTED = 130
DEFECT = 70


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments in (["--version"], ["-V"]):
        print(f"tinct {__version__}")
        sys.exit(0)
    # hardly any of the objects that modules are made of is ever garbage: look for it less often
    gc.set_threshold(50_000, 10, 10)
    # numpy's matrices are small here, and its waiting threads take the cores from the codecs
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):  # file names need not be Unicode
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="surrogateescape" if stream is sys.stdout else "backslashreplace"
            )
    code = run(arguments)
    gc.freeze()  # Python looks for garbage once more as it leaves; the system takes all back anyway
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command and give its exit code; every error becomes one line on stderr."""
    debug, as_json = "--debug" in arguments, "--json" in arguments
    try:
        from tinct.cli.grammar import carry_out

        code = carry_out(arguments)
        sys.stdout.flush()
        return code
    except TinctError as error:
        return _fail(error, as_json=as_json, debug=debug)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # the reader of our stdout has left; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        if _by_interrupt(error):
            return _interrupted()
        from tinct.batch.workers import defect

        return _fail(defect(error), as_json=as_json, debug=debug)


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return INTERRUPTED


def _by_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: a compiled module makes an ImportError of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _fail(error: TinctError, *, as_json: bool, debug: bool) -> int:
    from tinct.batch.events import error_json, printable

    if as_json:
        print(error_json(error), flush=True)
    print(f"error: {printable(str(error))}", file=sys.stderr)
    if debug:
        import traceback

        traceback.print_exception(error)
    return error.exit_code
