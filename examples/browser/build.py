"""Put a page together that colours pictures in the browser: ours, the network, onnxruntime-web.

python examples/browser/build.py --out site

Any static server can serve the folder, and nothing in it asks another. onnxruntime-web is fetched
once with `npm pack`, checked against the hash below, and kept in the cache.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tinct.color import grid_bins
from tinct.download import cache_folder, is_offline
from tinct.errors import InputError, OutputExists, TinctError, UsageError
from tinct.image.atomic import output_errors
from tinct.models import DEFAULT, check_file, find_model, weights_path
from tinct.options import ColorizeOptions
from tinct.version import __version__

HERE = Path(__file__).parent
#: onnxruntime-web (MIT, Microsoft) as the npm registry has it
VERSION = "1.30.0"
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZ"
    "ClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
#: what of it the page needs; the runtime for processors alone, of some 14 MB
RUNTIME = (
    "dist/ort.wasm.min.mjs",
    "dist/ort-wasm-simd-threaded.mjs",
    "dist/ort-wasm-simd-threaded.wasm",
    "package.json",
)
PAGE = ("index.html", "style.css", "mark.svg", "js")
ABOUT = "model.json"


def build(out: Path, *, model: str = DEFAULT, archive: Path | None = None) -> Path:
    """Make the folder, whole or not at all; one that this made before is replaced.

    Args:
        out: the folder.
        model: name, ONNX file or run; of the family tinct-small.
        archive: onnxruntime-web as `npm pack` gives it; None fetches it.

    Raises:
        TinctError: something is there already, or cannot be had.
    """
    if out.exists() and not (out / ABOUT).is_file() and (out.is_file() or any(out.iterdir())):
        raise OutputExists("is there already", where=str(out), remedy="give a new folder")
    spec, weights = find_model(model), weights_path(model)
    check_file(spec, weights)
    if not spec.hints:
        raise UsageError(
            f"'{spec.name}' is of another family", where="--model", remedy="take a tinct-small"
        )
    temperature, factor = spec.heat(ColorizeOptions().vividness)
    package = archive or fetched()
    checked(package)
    with output_errors(out):
        place = Path(tempfile.mkdtemp(prefix=".tinct-site-", dir=out.resolve().parent))
    try:
        with output_errors(out):
            place.chmod(0o755)
            for name in PAGE:
                copy = shutil.copytree if (HERE / name).is_dir() else shutil.copyfile
                copy(HERE / name, place / name)
            shutil.copyfile(HERE.parent / "saratoga-broadway.jpg", place / "example.jpg")
            shutil.copyfile(weights, place / "model.onnx")
            unpack(package, place / "ort")
            about = {
                "name": spec.name,
                "file": "model.onnx",
                "sha256": spec.sha256,
                "bytes": weights.stat().st_size,
                "licence": spec.licence,
                "version": __version__,
                "working_size": spec.working_size,
                "largest_side": spec.largest_side,
                "multiple": spec.multiple,
                "reduction": spec.reduction,
                "temperature": temperature,
                "gain": spec.gain * factor,
                "bins": len(grid_bins(spec.grid)),
            }
            (place / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
            if out.exists():
                shutil.rmtree(out)
            place.rename(out)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return out


def fetched() -> Path:
    """The package, from the cache or from npm's registry."""
    kept = cache_folder() / "npm" / f"onnxruntime-web-{VERSION}.tgz"
    if kept.is_file():
        return kept
    if is_offline():
        raise UsageError(
            "may not be fetched",
            where="onnxruntime-web",
            remedy="TINCT_OFFLINE or HF_HUB_OFFLINE forbids it; give --archive",
        )
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(
            "npm is not installed, which fetches onnxruntime-web",
            remedy=f"install it, or give --archive onnxruntime-web-{VERSION}.tgz",
        )
    with output_errors(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        words = [npm, "pack", f"onnxruntime-web@{VERSION}", "--pack-destination", folder]
        done = subprocess.run(
            [*words, "--ignore-scripts"], capture_output=True, text=True, check=False
        )
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or not found:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            raise InputError(f"npm cannot fetch it: {said}", where="onnxruntime-web")
        checked(found[0])
        found[0].replace(kept)
    return kept


def checked(package: Path) -> None:
    """Raise unless the package is the one whose hash stands above."""
    try:
        digest = hashlib.sha512(package.read_bytes()).digest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(package)) from error
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise InputError(
            f"is not onnxruntime-web {VERSION}", where=str(package), remedy="remove it, try again"
        )


def unpack(package: Path, folder: Path) -> None:
    """The few files of it that the page needs."""
    folder.mkdir()
    with tarfile.open(package) as archive:
        for name in RUNTIME:
            member = archive.extractfile(f"package/{name}")
            assert member is not None  # its hash is known
            (folder / Path(name).name).write_bytes(member.read())


def main(words: list[str]) -> int:
    """Build, and say where."""
    parser = argparse.ArgumentParser(description="Put the browser's page together.")
    parser.add_argument("--out", type=Path, required=True, help="Folder to make.")
    parser.add_argument("--model", default=DEFAULT, help="A model of the family tinct-small.")
    parser.add_argument("--archive", type=Path, help="onnxruntime-web as `npm pack` gives it.")
    given = parser.parse_args(words)
    try:
        out = build(given.out, model=given.model, archive=given.archive)
    except TinctError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(out)
    print(f"try it: python -m http.server --directory {out} 8000", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
