"""A thin client of a Tinct server.

    with Client("http://127.0.0.1:8000") as client:
        coloured = client.colorize(Path("grandmother.jpg"), ColorizeOptions(saturation=1.2))
        Path("coloured.jpg").write_bytes(coloured.content)

What goes wrong is raised as the error of `tinct.errors` that the command line would report; a
problem of the service alone is a `ServerError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tinct.client.answers import (
    Coloured,
    Event,
    ServerError,
    as_form,
    as_words,
    chosen_options,
    coloured,
    raise_problem,
    read_job,
    read_palette,
    read_record,
)
from tinct.errors import UsageError
from tinct.options import ColorizeOptions
from tinct.serve.records import (
    JobRecord,
    ModelRecord,
    PaletteRecord,
    SessionRecord,
    StyleRecord,
)

__all__ = ["Client", "Coloured", "Event", "ServerError", "Session"]


class Client:
    """A server, and how it is spoken to; use it as a context."""

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 300.0) -> None:
        """Connect to nothing yet.

        Args:
            address: such as `http://127.0.0.1:8000`.
            token: the word that the server asks for, if it does.
            timeout: seconds that an answer may take.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=address, headers=headers, timeout=timeout, trust_env=False
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def colorize(
        self,
        picture: Path | str | bytes,
        options: ColorizeOptions | None = None,
        *,
        name: str | None = None,
        hints: Mapping[str, Any] | None = None,
        reference: Path | str | bytes | None = None,
    ) -> Coloured:
        """Colour a picture and wait for it.

        Args:
            picture: a file or its content.
            options: how; hints and a reference are given apart, as they cross to the server.
            name: what the picture is called; a path's own name by default.
            hints: known colours, as a file of hints has them.
            reference: a picture in colour whose palette the result should have.

        Raises:
            TinctError: as the command line would.
            ServerError: the server refuses, or cannot be reached.
        """
        form, words = as_form(picture, name, reference), as_words(options, hints)
        return coloured(self._ask("POST", "/v1/colorize", files=form, data=words))

    def submit(
        self,
        picture: Path | str | bytes,
        options: ColorizeOptions | None = None,
        *,
        name: str | None = None,
        hints: Mapping[str, Any] | None = None,
        reference: Path | str | bytes | None = None,
    ) -> JobRecord:
        """Have a picture coloured without waiting; arguments and errors as for `colorize`."""
        form, words = as_form(picture, name, reference), as_words(options, hints)
        return read_job(self._ask("POST", "/v1/jobs", files=form, data=words).json())

    def job(self, job_id: str) -> JobRecord:
        """How a job stands."""
        return read_job(self._ask("GET", f"/v1/jobs/{job_id}").json())

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """What happens to a job, as it happens, until it ends.

        Args:
            job_id: of the job.
            after: number of the last event that is known.
        """
        headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise_problem(answer)
            said: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line and name:
                    said[name] = value
                elif not line and "event" in said:
                    yield Event(int(said["id"]), said["event"], json.loads(said["data"]))
                    said = {}

    def result(self, job_id: str) -> Coloured:
        """What a job made.

        Raises:
            TinctError: what the job failed with.
            ServerError: it has not ended yet, or was cancelled.
        """
        return coloured(self._ask("GET", f"/v1/jobs/{job_id}/result"))

    def delete(self, job_id: str) -> None:
        """Cancel and forget a job."""
        self._ask("DELETE", f"/v1/jobs/{job_id}")

    def open(self, picture: Path | str | bytes, *, name: str | None = None) -> Session:
        """Send a picture once, to colour it often."""
        answer = self._ask("POST", "/v1/sessions", files=as_form(picture, name))
        return Session(self, read_record(SessionRecord, answer.json()))

    def palette(
        self,
        picture: Path | str | bytes,
        x: float,
        y: float,
        *,
        count: int = 5,
        model: str | None = None,
    ) -> PaletteRecord:
        """The likely colours of a point; x and y from 0 to 1 over the upright picture."""
        words = {"x": str(x), "y": str(y), "count": str(count)}
        if model is not None:
            words["model"] = model
        answer = self._ask("POST", "/v1/palette", files=as_form(picture), data=words)
        return read_palette(answer.json())

    def models(self) -> tuple[ModelRecord, ...]:
        """The models that the server offers, the default first."""
        listed = self._ask("GET", "/v1/models").json()["models"]
        return tuple(read_record(ModelRecord, one) for one in listed)

    def styles(self) -> tuple[StyleRecord, ...]:
        """What the option `style` may be, by name."""
        listed = self._ask("GET", "/v1/styles").json()["styles"]
        return tuple(
            read_record(StyleRecord, {**one, "colours": tuple(one["colours"])}) for one in listed
        )

    def is_ready(self) -> bool:
        """Whether the server can be reached and can colour."""
        try:
            return self._http.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    def _ask(
        self,
        method: str,
        path: str,
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        data: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, int] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(
                method, path, files=files, data=data, json=json, params=params
            )
        except httpx.TransportError as error:
            raise ServerError(
                f"cannot be reached: {error}",
                where=str(self._http.base_url),
                remedy="is `tinct serve` running there?",
            ) from error
        except ValueError as error:  # JSON has no such number
            raise UsageError("infinity or no number", where=path, remedy="give numbers") from error
        if answer.is_error:
            raise_problem(answer)
        return answer


@dataclass(frozen=True)
class Session:
    """A picture that the server has; use it as a context, which deletes it there at its end."""

    client: Client
    """The server."""
    record: SessionRecord
    """What the server knows of the picture."""

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def preview(
        self,
        side: int = 640,
        options: ColorizeOptions | None = None,
        *,
        hints: Mapping[str, Any] | None = None,
        reference: Session | None = None,
    ) -> Coloured:
        """A small JPEG of the first page, at once.

        Args:
            side: shorter side in pixels.
            options: how.
            hints: known colours, as a file of hints has them.
            reference: a picture in colour whose palette the result should have.
        """
        members = {**self._members(options, hints, reference), "preview": side}
        return self._colorize(members)

    def colorize(
        self,
        options: ColorizeOptions | None = None,
        *,
        hints: Mapping[str, Any] | None = None,
        reference: Session | None = None,
    ) -> Coloured:
        """The full result; arguments as for `preview`."""
        return self._colorize(self._members(options, hints, reference))

    def region(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        options: ColorizeOptions | None = None,
        *,
        hints: Mapping[str, Any] | None = None,
        reference: Session | None = None,
        plain: bool = False,
    ) -> bytes:
        """A part of the first page at full size, a PNG in sRGB.

        Args:
            x: first column, of the upright picture.
            y: first row.
            width: columns.
            height: rows.
            options: how.
            hints: known colours, as a file of hints has them.
            reference: a picture in colour whose palette the result should have.
            plain: whether the picture is shown as it came; the rest then says nothing.
        """
        path = f"/v1/sessions/{self.record.id}/region"
        place = {"x": x, "y": y, "width": width, "height": height}
        if plain:
            return self.client._ask("GET", path, params=place).content
        members = {**self._members(options, hints, reference), **place}
        return self.client._ask("POST", path, json=members).content

    def palette(self, x: float, y: float, *, count: int = 5) -> PaletteRecord:
        """The likely colours of a point; x and y from 0 to 1 over the upright picture."""
        where = {"x": x, "y": y, "count": count}
        answer = self.client._ask("POST", f"/v1/sessions/{self.record.id}/palette", json=where)
        return read_palette(answer.json())

    def confidence(self, *, model: str | None = None, size: int | None = None) -> bytes:
        """A small upright grey PNG, white where the model is sure of its colours.

        Args:
            model: that is asked; the server's default if not given.
            size: shorter side, in pixels, at which it sees the picture.
        """
        members = {"model": model, "size": size}
        return self.client._ask(
            "POST", f"/v1/sessions/{self.record.id}/confidence", json=members
        ).content

    def layer(
        self,
        options: ColorizeOptions | None = None,
        *,
        hints: Mapping[str, Any] | None = None,
        reference: Session | None = None,
    ) -> bytes:
        """The colours alone, a transparent PNG at full size to lay over the original.

        Arguments as for `preview`.
        """
        members = self._members(options, hints, reference)
        return self.client._ask(
            "POST", f"/v1/sessions/{self.record.id}/layer", json=members
        ).content

    def close(self) -> None:
        """Have the server forget the picture."""
        try:
            self.client._ask("DELETE", f"/v1/sessions/{self.record.id}")
        except ServerError as error:
            if error.problem is None or error.problem.code != "not-found":
                raise

    def _colorize(self, members: Mapping[str, Any]) -> Coloured:
        path = f"/v1/sessions/{self.record.id}/colorize"
        return coloured(self.client._ask("POST", path, json=members))

    def _members(
        self,
        options: ColorizeOptions | None,
        hints: Mapping[str, Any] | None,
        reference: Session | None,
    ) -> dict[str, Any]:
        members: dict[str, Any] = chosen_options(options)
        if hints is not None:
            members["hints"] = dict(hints)
        if reference is not None:
            members["reference"] = reference.record.id
        return members
