"""Pictures that another tool has coloured, found by the names of the truths."""

from __future__ import annotations

from pathlib import Path

from tinct.errors import InputError, Unreadable
from tinct.evaluation import truths
from tinct.evaluation.protocol import Protocol
from tinct.study.draw import Candidate
from tinct.study.options import StudyOptions
from tinct.study.pictures import Pixels
from tinct.training.sources import list_pictures


class Predictions:
    """A folder of coloured pictures."""

    def __init__(self, name: str, folder: Path, options: StudyOptions) -> None:
        """Look what there is.

        Raises:
            InputError: there is no such folder, or it holds no pictures.
        """
        self._name, self._folder = name, folder
        self._protocol = Protocol(options.protocol, options.size)
        self._files: dict[str, set[Path]] = {}
        for where, path in list_pictures(folder).files:
            stem = Path(where).with_suffix("").as_posix().removesuffix(".colorized")
            for key in (stem, Path(stem).name):
                self._files.setdefault(key, set()).add(path)

    def paint(self, candidate: Candidate, truth: Pixels, shape: tuple[int, int]) -> Pixels:
        """The prediction for a picture, cut as the truth was.

        Args:
            candidate: the picture.
            truth: at the size of the study, which a prediction may have already.
            shape: height and width of the truth's own file, which it may have instead.

        Raises:
            InputError: it is missing, there are several, or it has neither size.
        """
        path = self._find(candidate)
        try:
            found = truths.read(path)
        except (OSError, ValueError, SyntaxError) as error:
            raise Unreadable(
                f"the prediction of {self._name} is damaged", where=str(path)
            ) from error
        if found.shape == truth.shape:
            return found
        if found.shape[:2] != shape:
            sizes = f"{found.shape[1]} x {found.shape[0]}"
            raise InputError(
                f"is {sizes} pixels, and the picture it was made of {shape[1]} x {shape[0]}",
                where=str(path),
                remedy="predictions have the size of their truth, or that of the study",
            )
        return self._protocol.fit(found)

    def _find(self, candidate: Candidate) -> Path:
        whole = Path(candidate.name).with_suffix("").as_posix()
        for key in (whole, candidate.stem, Path(candidate.stem).name):
            files = self._files.get(key, set())
            if len(files) == 1:
                return next(iter(files))
            if files:
                raise InputError(
                    f"{len(files)} predictions are called {key}",
                    where=str(self._folder),
                    remedy="keep the folders of the truths, or one file for each",
                )
        raise InputError(
            f"the prediction for {candidate.name} is missing",
            where=str(self._folder),
            remedy=f"{self._name} needs one for every picture of --data",
        )
