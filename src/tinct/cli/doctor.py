"""What `tinct doctor` looks at: enough to see why an installation does not work."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from tinct.errors import TinctError
from tinct.version import __version__

#: packages that colouring needs; those with compiled parts are imported, which is where they fail
PACKAGES = {
    "numpy": "numpy",
    "pyvips": "pyvips",
    "pillow": "PIL.Image",
    "pillow-heif": "pillow_heif",
    "tifffile": "tifffile",
    "simplejpeg": "simplejpeg",
    "jpeglib": "jpeglib",
    "onnxruntime": "onnxruntime",
    "rich": "rich",
    "shtab": "shtab",
}


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    status: Literal["ok", "fail"]
    detail: str

    def as_dict(self) -> dict[str, str]:
        """The same for JSON."""
        return asdict(self)


def examine() -> list[Check]:
    """Look at everything; no failure stops the rest."""
    return [
        Check("tinct", "ok", f"{__version__} in {Path(__file__).parent}"),
        Check("python", "ok", f"{platform.python_version()} at {sys.executable}"),
        Check("system", "ok", f"{platform.platform()}, {os.cpu_count()} cores"),
        *(_check(name, partial(_version, name, module)) for name, module in PACKAGES.items()),
        _check("libvips", _libvips),
        _check("writes", _writable),
        *_models(),
        *(_check(f"self-test {kind}", partial(_self_test, kind)) for kind in ("png", "jpeg")),
    ]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except Exception as error:  # whatever is wrong here is what the user wants to know
        return Check(name, "fail", f"{type(error).__name__}: {error}")


def _version(name: str, module: str) -> str:
    import_module(module)
    return metadata.version(name)


def _libvips() -> str:
    import pyvips

    return ".".join(str(pyvips.version(part)) for part in range(3))


def _writable() -> str:
    """Encode one small picture in every format Tinct writes."""
    import pyvips

    from tinct.naming import WRITTEN_SUFFIXES

    picture = pyvips.Image.black(16, 16, bands=3)
    for suffixes in WRITTEN_SUFFIXES.values():
        picture.write_to_buffer(suffixes[0])
    return " ".join(WRITTEN_SUFFIXES)


def _models() -> Iterator[Check]:
    from tinct.models import check_file, list_models, weights_path

    for spec in list_models():
        path = weights_path(spec.name)
        try:
            check_file(spec, path)
        except TinctError as error:
            yield Check(f"model {spec.name}", "fail", str(error))
        else:
            yield Check(f"model {spec.name}", "ok", f"sha256 {spec.sha256[:12]} at {path}")


def _self_test(kind: str) -> str:
    """Colour a small picture for real and prove that its light is untouched."""
    import numpy as np
    from PIL import Image

    from tinct.colorizer import Colorizer
    from tinct.verify import verify

    ramp = np.add.outer(np.arange(48), np.arange(64)) * 255 // 110
    with TemporaryDirectory(prefix="tinct-") as folder:
        source, target = Path(folder, f"before.{kind}"), Path(folder, f"after.{kind}")
        Image.fromarray(ramp.astype(np.uint8)).save(source)
        result = Colorizer().file(source, target)
        verdict = verify(source, target)
    if not verdict.ok:
        raise AssertionError(verdict.reason)
    return f"{verdict.claim}, {result.seconds:.2f} s"
