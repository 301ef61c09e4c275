"""The verbs of the command, and which function does the work."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tinct.errors import TinctError, UsageError
from tinct.options import ColorizeOptions, Effort, OnExists, flag

if TYPE_CHECKING:
    from tinct.batch.engine import Engine
    from tinct.batch.events import Reporter
    from tinct.batch.places import Place
    from tinct.batch.plan import Task
    from tinct.batch.workers import ColourFile
    from tinct.models.spec import ModelSpec
    from tinct.result import Result


def colorize(
    *,
    inputs: list[str],
    output: str | None,
    name: str | None,
    recursive: bool,
    files_from: str | None,
    on_exists: OnExists,
    engine: Engine,
    address: str | None,
    jobs: int | None,
    shard: tuple[int, int] | None,
    journal: Path | None,
    no_journal: bool,
    report: list[Path],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
    debug: bool,
    **chosen: Any,
) -> int:
    """Add colour to pictures; their light stays as it is."""
    from tinct.batch.places import is_url, listed

    # of a name that cannot be, `Path.is_dir` raises
    folders = any(one.endswith("/") or os.path.isdir(one) for one in inputs)  # noqa: PTH112
    effort = effort_of(chosen, many=len(inputs) > 1 or folders or files_from is not None)
    options = ColorizeOptions(**(chosen | {"effort": effort}))
    from tinct.batch.engine import EngineOptions

    engines = EngineOptions(engine=engine, address=address, jobs=jobs)
    from tinct.cores import cores
    from tinct.models import DEFAULT, find_model, preload

    chosen_model = options.model or DEFAULT
    model_name = find_model(chosen_model).name
    verbosity = -1 if quiet else verbose
    if "-" in inputs or output == "-":
        _check_stream(inputs, output, listed=files_from is not None, as_json=as_json)
        if dry_run:
            raise UsageError("--dry-run plans files, not streams", remedy="leave one out")
        if shard or journal or report:
            raise UsageError(
                "--shard, --journal and --report are of files, not streams", remedy="leave one out"
            )
        if engines.engine != "local":
            raise UsageError("--engine ray is for files, not streams", remedy="leave one out")
        for name_of in (*inputs, output or ""):
            if is_url(name_of):
                raise UsageError(
                    "streams and URLs exclude each other",
                    where=name_of,
                    remedy="give a file or a folder instead of -",
                )
        from tinct.batch.streams import colour_stream

        with telling(as_json=as_json, verbosity=verbosity, debug=debug) as told:
            return colour_stream(
                inputs[0],
                output or "-",
                make=partial(make_colour, options, None),
                reporter=told.reporter,
                stdout=told.stdout,
                format=options.format,
                overwrite=on_exists == "overwrite",
            )

    if engines.engine == "local" and engines.local_jobs == 1 and not dry_run:
        preload(chosen_model, threads=cores(), fast=options.effort == "fast")
    from tinct.batch import run
    from tinct.batch.events import Several
    from tinct.batch.inputs import expand
    from tinct.batch.order import Order, journal_of, reports_of
    from tinct.cli.engines import crew_of, output_place

    if engines.engine == "ray":
        from tinct.batch.cluster import check

        check()
    folder = output_place(output)
    sources = expand(inputs, files_from=files_from, recursive=recursive, exclude=folder)
    for single in ("hints", "confidence"):
        if getattr(options, single) is None or len(sources) == 1:
            continue
        raise UsageError(
            f"is of one picture, and there are {len(sources)}",
            where=flag(single),
            remedy="colour the pictures one by one",
        )
    known = options.known_colours()
    if known is not None and known.options:
        _say_left(known.options)
    if engines.engine == "ray" and options.confidence is not None:
        raise UsageError(
            "is written where the picture is coloured",
            where="--confidence",
            remedy="use --engine local",
        )
    into_folder = output is not None and output.endswith(("/", os.sep))
    if folder is not None:
        several = len(sources) > 1 or not sources[0].named
        folder = listed(folder, folder=into_folder or several)
    order = Order(
        output=folder,
        output_is_folder=into_folder,
        name=name,
        on_exists=on_exists,
        options=options,
        model=model_name,
        shard=shard,
    )
    noted = None
    if not no_journal or journal is not None:
        noted = journal_of(order, sources, journal, refused=no_journal)
    tasks = order.tasks(sources, noted)
    reports = reports_of(report, sources)
    if dry_run:
        return _print_plan(tasks, as_json=as_json)
    workers = min(engines.local_jobs, max(1, len(tasks)))
    with telling(as_json=as_json, verbosity=verbosity, debug=debug) as told:
        others = [noted] if noted is not None else []
        reporter = Several(*others, told.reporter, *reports)
        summary = run(
            tasks,
            make=partial(make_colour, options, max(1, cores() // workers)),
            reporter=reporter,
            jobs=workers,
            skip_own=options.if_color == "skip",
            crew=crew_of(partial(make_colour, options, 1), engines, tasks, reporter),
        )
    return summary.exit_code


def _say_left(project: Mapping[str, Any]) -> None:
    """Of a project of the page points and strokes are taken; of the rest nothing in silence."""
    from tinct.batch.events import printable

    words = " ".join(f"{flag(name)} {value}" for name, value in project.items())
    print(
        printable(
            f"tinct: warning: --hints takes points and strokes; add what else it says: {words}"
        ),
        file=sys.stderr,
    )


def effort_of(chosen: Mapping[str, Any], *, many: bool) -> Effort:
    """How much to do for a picture where nobody said so.

    Of many pictures each may differ a little for half the network's time; who colours one wants
    the best that costs nothing to wait for.

    Args:
        chosen: the user's options.
        many: whether the command is about more than one picture, however many there are.
    """
    if chosen["effort"] is not None:
        return cast(Effort, chosen["effort"])
    if not many:
        return "normal"
    from tinct.models import DEFAULT, find_model, weights_path
    from tinct.models.quantised import is_measured

    name = chosen["model"] or DEFAULT
    return "fast" if find_model(name) and is_measured(weights_path(name)) else "normal"


def models_list(*, as_json: bool) -> int:
    """All models, the default first."""
    from tinct.models import DEFAULT, list_models, weights_path

    models = list_models()
    if as_json:
        for spec in models:
            _print_json(spec, default=spec.name == DEFAULT, path=weights_path(spec.name))
        return 0
    width = max(len(spec.name) for spec in models)
    for spec in models:
        mark = "*" if spec.name == DEFAULT else " "
        state = _megabytes(weights_path(spec.name))
        print(f"{mark} {spec.name:<{width}}  {state:>8}  {spec.licence}  {spec.trained_on}")
    return 0


def models_show(*, name: str, as_json: bool) -> int:
    """All that is known about a model."""
    from tinct.batch.events import printable
    from tinct.models import DEFAULT, MODELS, find_model, weights_path

    spec, path = find_model(name), weights_path(name)
    if as_json:
        _print_json(spec, default=name == DEFAULT, path=path)
        return 0
    known = asdict(spec)
    if name not in MODELS:
        from tinct.models.exported import properties

        known |= {key: text for key, text in properties(path).items() if key not in known}
    for key, value in {**known, "size on disk": _megabytes(path), "path": path}.items():
        print(printable(f"{key.replace('_', ' ')}: {value}"))
    return 0


def models_path(*, name: str | None) -> int:
    """Where a model's file lies."""
    from tinct.models import DEFAULT, weights_path

    print(weights_path(name or DEFAULT))
    return 0


def list_styles(*, as_json: bool) -> int:
    """Artists and periods for `tinct colorize --style`."""
    from tinct.styles import styles

    width = max(map(len, styles()))
    for style in styles().values():
        if as_json:
            print(
                json.dumps(
                    {
                        "v": 1,
                        "event": "style",
                        "name": style.name,
                        "title": style.title,
                        "pictures": style.pictures,
                    }
                )
            )
        else:
            print(f"{style.name:<{width}}  {style.pictures:>5} paintings  {style.title}")
    return 0


def doctor(*, as_json: bool) -> int:
    """Versions, formats, models and a self-test, to paste into a bug report."""
    from tinct.cli.doctor import examine

    checks = examine()
    if as_json:
        for check in checks:
            print(json.dumps({"v": 1, "event": "check", **check.as_dict()}))
    else:
        for check in checks:
            print(f"{check.status:<4}  {check.name:<22}  {check.detail}")
    return 0 if all(check.status != "fail" for check in checks) else 1


def make_colour(options: ColorizeOptions, threads: int | None) -> ColourFile:
    """The function that colours one file; called once for each worker process.

    Args:
        options: how.
        threads: of the network.

    Raises:
        ModelError: the model is absent or damaged, so no file could be coloured.
    """
    from tinct.colorizer import Colorizer
    from tinct.flow import warm_up

    given = {field.name: getattr(options, field.name) for field in fields(ColorizeOptions)}
    colorizer = Colorizer(**given, threads=threads)
    warm_up()
    _ = colorizer.network  # loaded now, so that a damaged model is said once and not for each file

    def file(source: Path, target: Path, *, overwrite: bool, variant: int = 0) -> Result:
        chosen = colorizer.as_variant(variant) if variant else colorizer
        return chosen.file(source, target, overwrite=overwrite)

    return file


@dataclass(frozen=True)
class _Told:
    """Who reports, and the real standard output."""

    reporter: Reporter
    stdout: BinaryIO


@contextmanager
def telling(
    *, as_json: bool, verbosity: int, debug: bool, endless: bool = False
) -> Iterator[_Told]:
    """Keep standard output for data: whatever else is printed meanwhile goes to stderr.

    This holds for the descriptor itself, so also for what C libraries and workers print.
    """
    from tinct.batch.events import JsonLines
    from tinct.batch.terminal import Terminal

    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(saved), "wb") as stdout, TextIOWrapper(stdout, "utf-8") as text:
            yield _Told(
                JsonLines(text)
                if as_json
                else Terminal(verbosity=verbosity, debug=debug, endless=endless),
                stdout,
            )
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def _check_stream(inputs: list[str], output: str | None, *, listed: bool, as_json: bool) -> None:
    """What cannot be combined with standard input and output."""
    if len(inputs) != 1 or listed:
        raise UsageError(
            "standard input and output take one picture", remedy="name exactly one input"
        )
    if output in (None, "-") and as_json:
        raise UsageError(
            "--json and the picture both want standard output", remedy="give a file after -o"
        )
    if output in (None, "-") and sys.stdout.isatty():
        raise UsageError(
            "a picture would be written to the terminal", remedy="redirect it: > result.jpg"
        )


def _print_plan(tasks: list[Task], *, as_json: bool) -> int:
    """The plan as data; its exit code says whether all of it could be done."""
    from tinct.batch.events import JsonLines, Summary, printable

    if as_json:
        JsonLines(sys.stdout).planned(tasks)
    else:
        for task in tasks:
            reason = task.skip or (task.problem and task.problem.message)
            outcome = f"{task.action}: {reason}" if reason else str(task.target)
            print(printable(f"{task.source} -> {outcome}"))
    failures: list[tuple[Place, TinctError]] = [
        (task.source, task.problem) for task in tasks if task.problem
    ]
    return Summary(total=len(tasks), failures=failures).exit_code


def _print_json(spec: ModelSpec, *, default: bool, path: Path) -> None:
    record = {**asdict(spec), "default": default, "path": str(path), "present": path.is_file()}
    print(json.dumps({"v": 1, "event": "model", **record}))


def _megabytes(path: Path) -> str:
    try:
        return f"{path.stat().st_size / 1e6:.1f} MB"
    except OSError:
        return "absent"
