"""Manifests: tables that say what each picture of a set is, as TSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from tinct.errors import InputError, UsageError
from tinct.image.atomic import write_atomic

TSV = "manifest.tsv"
PARQUET = "manifest.parquet"
EXCLUDE = "exclude.txt"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """What is known about one picture; what is not known is empty or 0."""

    id: str = ""
    """Its name in the set: letters, digits, `-` and `_` where Tinct made it."""
    file: str = ""
    """Path from the manifest's folder; of a picture in a shard, the member's name."""
    shard: str = ""
    """Tar file beside the manifest that it lies in."""
    sha256: str = ""
    """Of the file, in hex."""
    source: str = ""
    """Where it comes from."""
    licence: str = ""
    """Under which it may be used."""
    artist: str = ""
    """Who made it."""
    title: str = ""
    """What it is called."""
    year: str = ""
    """When it was made; may be a span."""
    category: str = ""
    """What it shows or what kind it is: a class."""
    width: int = 0
    """Pixels."""
    height: int = 0
    """Pixels."""
    split: str = ""
    """`train`, `validation` or `test`."""

    @property
    def where(self) -> str:
        """Its file, or shard and member: names it within the set."""
        if not self.shard:
            return self.file or self.id
        return f"{self.shard}/{self.file or self.id}"


COLUMNS = tuple(field.name for field in fields(Row))
_NUMBERS = frozenset(("width", "height"))


def find_manifest(source: Path) -> Path | None:
    """The manifest that `source` is, or that lies in it; None where there is none."""
    if source.is_dir():
        return next((source / name for name in (TSV, PARQUET) if (source / name).is_file()), None)
    return source if source.suffix.lower() in {".tsv", ".parquet"} else None


def read_manifest(path: Path) -> list[Row]:
    """All rows of a manifest; columns that are missing are empty, others are passed over.

    Raises:
        InputError: no such file, not a table, without a column `id` or `file`, or with paths that
            lead out of its folder.
        UsageError: it is Parquet, and pyarrow is not installed.
    """
    try:
        table = _parquet(path) if path.suffix.lower() == ".parquet" else _tsv(path)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", where=str(path), remedy="check the path"
        ) from error
    rows = [_row(known, path) for known in table]
    for row in rows:
        for name in (row.file, row.shard):
            if escapes(name):
                raise InputError(
                    f"names {name!r}, outside its folder",
                    where=str(path),
                    remedy="paths in a manifest are relative to it",
                )
    return rows


def escapes(name: str) -> bool:
    """Whether a path of a manifest leads out of the manifest's folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or name[1:2] == ":" or "\0" in name


def write_manifest(folder: Path, rows: Sequence[Row]) -> None:
    """Write manifest.parquet, then manifest.tsv: where that is, the set is complete.

    Raises:
        OutputUnwritable: the disk is full, or may not be written to.
        UsageError: pyarrow is not installed.
    """
    pyarrow, parquet = require_pyarrow(), _parquet_module()
    texts = pyarrow.schema(
        [(name, pyarrow.int32() if name in _NUMBERS else pyarrow.string()) for name in COLUMNS]
    )
    columns = {name: [_valid(getattr(row, name)) for row in rows] for name in COLUMNS}
    with write_atomic(folder / PARQUET, overwrite=True) as temporary:
        parquet.write_table(pyarrow.table(columns, schema=texts), temporary, compression="zstd")
    with write_atomic(folder / TSV, overwrite=True) as temporary:
        temporary.write_text(as_tsv(rows), encoding="utf-8", errors="surrogateescape", newline="")


def as_tsv(rows: Iterable[Row], *, head: bool = True) -> str:
    """Rows as tab-separated text, as `manifest.tsv` has them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    if head:
        writer.writerow(COLUMNS)
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()


def require_pyarrow() -> Any:
    """The library that reads and writes Parquet.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", remedy='pip install "tinct[data]"'
        ) from error
    return pyarrow


def _parquet_module() -> Any:
    require_pyarrow()
    import pyarrow.parquet as parquet

    return parquet


def _valid(value: str | int) -> str | int:
    """Parquet takes Unicode alone; file names need not be."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="replace")
    return value


def _tsv(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", restval="")
            _check_columns(table.fieldnames or (), path)
            return list(table)
    except csv.Error as error:
        raise _no_table(path, error) from error


def _parquet(path: Path) -> list[dict[str, Any]]:
    pyarrow, parquet = require_pyarrow(), _parquet_module()
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise _no_table(path, error) from error
    _check_columns(table.column_names, path)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _no_table(path: Path, error: Exception) -> InputError:
    return InputError(
        f"not a table: {str(error).splitlines()[0]}",
        where=str(path),
        remedy="save it as tab-separated UTF-8",
    )


def _check_columns(names: Iterable[str], path: Path) -> None:
    if not {"id", "file"} & set(names):
        raise InputError(
            "has no column id and none file",
            where=str(path),
            remedy=f"a manifest has the columns {', '.join(COLUMNS)}; all but id and file may lack",
        )


def _row(known: Mapping[str, Any], path: Path) -> Row:
    texts = {name: str(known.get(name) or "") for name in COLUMNS if name not in _NUMBERS}
    try:
        width, height = (int(known.get(name) or 0) for name in ("width", "height"))
    except ValueError:
        raise InputError(
            f"{known.get('id') or known.get('file')}: its width or height is no whole number",
            where=str(path),
            remedy="correct the row, or leave the columns out",
        ) from None
    return Row(**texts, width=width, height=height)
