"""Studies for tests: pictures that are made, ways that are known, simulated participants."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image

from tinct.study.app import make_app
from tinct.study.build import build
from tinct.study.folder import Study, open_study
from tinct.study.options import StudyOptions
from tinct.study.plan import Slot
from tinct.study.server import configured, listen
from tinct.study.store import Store

#: given the question, what a simulated participant answers
Answer = Callable[[Slot], int]


def write_pictures(folder: Path, count: int, *, seed: int = 1, side: int = 40) -> Path:
    """Pictures in colour, half of them in each of two sub-folders."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        place = folder / ("paintings" if number % 2 else "photos")
        place.mkdir(parents=True, exist_ok=True)
        corners = chance.integers(0, 256, (3, 3, 3), np.uint8)
        picture = Image.fromarray(corners).resize((side, side + 8), Image.Resampling.BICUBIC)
        noise = chance.integers(0, 30, (side + 8, side, 3), np.uint8)
        Image.fromarray(np.asarray(picture) // 2 + noise + 20).save(place / f"{number:03d}.png")
    return folder


def write_predictions(truths: Path, folder: Path, *, shift: int) -> Path:
    """The same pictures, smoother and in other colours, as a tool would give them."""
    for file in sorted(truths.rglob("*.png")):
        target = folder / file.relative_to(truths)
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as picture:
            light = np.asarray(picture.convert("L"), np.int16)
        tint = np.stack([light + shift, light, light - shift], -1)
        Image.fromarray(np.clip(tint, 0, 255).astype(np.uint8)).save(target)
    return folder


def make_study(place: Path, *, ways: int = 2, count: int = 16, **chosen: object) -> Study:
    """A study of `count` pictures in the original's and `ways` other colours."""
    truths = place / "truths"
    checks = chosen.get("attention_checks", 2)
    assert isinstance(checks, int)
    write_pictures(truths, count + checks)
    predictions = {
        f"way-{index}": write_predictions(truths, place / f"way-{index}", shift=15 * index + 10)
        for index in range(ways)
    }
    settings = {"pictures": count, "size": 32, "per_participant": 8, **chosen}
    build(
        place / "study",
        models={},
        predictions=predictions,
        data=[truths],
        options=StudyOptions(**settings),  # type: ignore[arg-type] # its own checks follow
    )
    return open_study(place / "study", files=True)


def slots(store: Store) -> dict[str, Slot]:
    """Question to what it is about, which a participant cannot know."""
    rows = store._base.execute("SELECT id, picture, first, second, is_check FROM trial")
    return {
        name: Slot(picture, (first,) if second is None else (first, second), bool(check))
        for name, picture, first, second, check in rows
    }


def take_part(store: Store, answer: Answer, *, response_ms: int = 900) -> str:
    """A participant who answers everything; gives their token."""
    token = secrets.token_hex(16)
    state = store.join(token)
    known = slots(store)
    while state.trial is not None:
        choice = answer(known[state.trial.id])
        state = store.answer(token, state.trial.id, choice, response_ms)
    return token


def believer(rates: dict[str, float], seed: int = 3) -> Answer:
    """Somebody who calls each way real at a known rate, and passes attention checks."""
    chance = random.Random(seed)
    return lambda slot: 0 if slot.check else int(chance.random() < rates[slot.ways[0]])


@contextmanager
def live(study: Study, store: Store, *, port: int = 0) -> Iterator[str]:
    """A server in a thread of this process, so that a test can look into its store."""
    listener = listen("127.0.0.1", port)
    server = uvicorn.Server(configured(make_app(study, store)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
