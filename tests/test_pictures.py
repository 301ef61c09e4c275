from __future__ import annotations

import io
import os
import pickle
import tarfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

import tinct
from tests.profiles import ADOBE
from tinct.errors import InputError, OutputUnwritable, UsageError
from tinct.training.cache import Entry, decode, place
from tinct.training.pictures import PictureSet, open_pictures, split

Pixels = NDArray[np.uint8]


def scene(seed: int, height: int = 60, width: int = 80) -> Pixels:
    """A blue sky over a green field, brightness and horizon by chance."""
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    horizon = int(rng.uniform(0.3, 0.7) * height)
    picture[:horizon] = rng.integers(0, 40, 3) + np.array([90, 140, 200])
    picture[horizon:] = rng.integers(0, 40, 3) + np.array([60, 110, 30])
    return picture


def encoded(picture: NDArray[Any], form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, form, **options)
    return out.getvalue()


def opened(
    source: Path, folder: Path, *, validation: float = 0.03, unreadable: float = 0.05
) -> PictureSet:
    return open_pictures(
        source,
        shorter=64,
        folder=folder / "caches",
        validation=validation,
        unreadable=unreadable,
    )


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten pictures, one of them grey, and what is no picture."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for number in range(9):
        place = folder / "sub" if number % 2 else folder
        (place / f"{number}.png").write_bytes(encoded(scene(number)))
    (folder / "sub" / "grey.jpg").write_bytes(encoded(scene(3).mean(2).astype(np.uint8), "JPEG"))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"damaged")
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "1.png").write_bytes(b"damaged")
    return folder


def write_shards(folder: Path, artists: list[str]) -> Path:
    folder.mkdir()
    lines = ["id\tcategory\tartist\tshard"]
    for shard in range(2):
        with tarfile.open(folder / f"part-{shard}.tar", "w") as tar:
            for number in range(shard, len(artists), 2):
                data = encoded(scene(number))
                member = tarfile.TarInfo(f"p{number:03}.png")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
                lines.append(f"p{number:03}\tpainting\t{artists[number]}\tpart-{shard}.tar")
    (folder / "manifest.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_folder_becomes_a_set(pictures: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = open_pictures(
        pictures, shorter=64, folder=tmp_path / "c", progress=lambda *told_: told.append(told_)
    )
    assert told[-1] == (10, 10)
    assert len(found.cache) == 10
    assert found.grey == 1
    assert found.unreadable == ()
    kept = np.concatenate([found.training, found.validation])
    assert len(kept) == 9 == len(set(kept.tolist()))
    for position in kept.tolist():
        entry = found.cache.entries[position]
        np.testing.assert_array_equal(found.cache[position], scene(int(Path(entry.id).stem)))
        assert entry.category == ("sub" if "/" in entry.id else "")
    colours = found.colours(found.training[:2])
    assert colours.shape == (2, 24 * 24, 2)
    assert abs(float(colours[..., 1].min())) > 5


def test_an_opened_set_is_used_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(pictures, tmp_path)
    monkeypatch.setattr("tinct.training.pictures.write_cache", None)
    again = opened(pictures, tmp_path, validation=0.5)
    assert again.folder == first.folder
    assert again.sha256 == first.sha256
    assert len(again.validation) >= len(first.validation) == 1
    monkeypatch.undo()
    (pictures / "new.png").write_bytes(encoded(scene(77)))
    other = opened(pictures, tmp_path)
    assert other.folder != first.folder
    assert other.sha256 != first.sha256
    np.testing.assert_array_equal(first.cache[0], other.cache[0])


def test_the_name_of_a_set_depends_on_its_pictures_alone(pictures: Path, tmp_path: Path) -> None:
    here = opened(pictures, tmp_path)
    there = open_pictures(pictures.rename(tmp_path / "moved"), shorter=20, folder=tmp_path / "c")
    assert there.sha256 == here.sha256
    assert there.folder.name != here.folder.name


def test_a_cache_travels_to_another_process_by_name(pictures: Path, tmp_path: Path) -> None:
    cache = opened(pictures, tmp_path).cache
    sent = pickle.dumps(cache)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent)[4], cache[4])


def test_shards_become_a_set(tmp_path: Path) -> None:
    source = write_shards(tmp_path / "shards", [f"artist {number % 5}" for number in range(20)])
    (source / "exclude.txt").write_text("p003\np004\n")
    manifest = source / "manifest.tsv"
    manifest.write_text(manifest.read_text() + "\nlost\tphoto\t\tpart-1.tar")
    found = opened(source, tmp_path, validation=0.2, unreadable=0.06)
    assert {entry.id for entry in found.cache.entries} == {
        f"p{number:03}" for number in range(20) if number not in (3, 4)
    }
    assert found.unreadable == (("lost", "not in part-1.tar"),)
    sides = [
        {found.cache.entries[position].artist for position in side.tolist()}
        for side in (found.training, found.validation)
    ]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    assert opened(manifest, tmp_path, unreadable=0.06).sha256 == found.sha256


def test_a_single_picture_is_a_set(pictures: Path, tmp_path: Path) -> None:
    found = opened(pictures / "0.png", tmp_path)
    assert found.training.tolist() == [0]
    assert found.validation.tolist() == []


def test_large_pictures_are_reduced_and_small_ones_left(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in {"big": (900, 600), "wide": (100, 999), "small": (40, 30)}.items():
        (folder / f"{name}.png").write_bytes(encoded(scene(1, *size)))
    cache = opened(folder, tmp_path).cache
    shapes = {entry.id: cache[at].shape for at, entry in enumerate(cache.entries)}
    assert shapes == {"big.png": (96, 64, 3), "wide.png": (64, 639, 3), "small.png": (40, 30, 3)}


def test_packed_pictures_take_less_room_and_stay_nearly_as_they_are(tmp_path: Path) -> None:
    y, x = np.mgrid[:224, :224]
    waves = 128 + 60 * np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], 2)
    picture = np.clip(waves, 0, 255).astype(np.uint8)
    (tmp_path / "large.png").write_bytes(encoded(picture))
    plain = open_pictures(tmp_path / "large.png", shorter=224, folder=tmp_path / "c")
    np.testing.assert_array_equal(plain.cache[0], picture)
    found = open_pictures(tmp_path / "large.png", shorter=224, folder=tmp_path / "c", packed=True)
    assert found.cache[0].dtype == np.uint8
    assert np.abs(found.cache[0].astype(int) - picture).mean() < 1.5
    assert found.cache.entries[0].length < picture.size / 4


def as_shown(picture: Pixels, icc: bytes) -> Pixels:
    """A tagged picture in sRGB, by the judgement of Little CMS."""
    image, srgb = Image.fromarray(picture), ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    shown = ImageCms.profileToProfile(image, io.BytesIO(icc), srgb, renderingIntent=intent)
    return np.asarray(shown)


def test_pictures_are_taken_as_viewers_show_them() -> None:
    picture = scene(5, 40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(encoded(picture, "PNG", exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(picture, -1))
    alpha = np.zeros((40, 60, 1), np.uint8)
    alpha[:, 30:] = 255
    flat = decode(encoded(np.concatenate([picture, alpha], 2)))
    assert (flat[:, :30] == 255).all()
    np.testing.assert_array_equal(flat[:, 30:], picture[:, 30:])
    grey = decode(encoded(picture[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(picture[..., :1], 3, 2))
    deep = decode(encoded(picture[..., 0].astype(np.uint16) * 257))
    np.testing.assert_array_equal(deep, grey)
    muted = picture // 2 + 60  # colours that sRGB has too
    tagged = decode(encoded(muted, icc_profile=ADOBE)).astype(int)
    assert np.abs(tagged - as_shown(muted, ADOBE)).max() <= 2
    assert np.abs(tagged - muted).max() > 4
    palette = Image.fromarray(picture).quantize(8)
    out = io.BytesIO()
    palette.save(out, "GIF")
    np.testing.assert_array_equal(decode(out.getvalue()), np.asarray(palette.convert("RGB")))


def test_unreadable_pictures_are_listed_up_to_a_limit(pictures: Path, tmp_path: Path) -> None:
    whole = encoded(scene(1))
    (pictures / "cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "empty.jpg").write_bytes(b"")
    (pictures / "gone.png").symlink_to(tmp_path / "nowhere")
    found = opened(pictures, tmp_path, unreadable=0.3)
    reasons = dict(found.unreadable)
    assert reasons.keys() == {"cut.png", "empty.jpg", "gone.png"}
    assert "empty" in reasons["empty.jpg"]
    assert len(found.training) == 8
    with pytest.raises(InputError, match=r"3 of 13 pictures cannot be read: cut\.png: .*gone\.png"):
        opened(pictures, tmp_path)


def test_what_tinct_coloured_is_no_truth(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(encoded(scene(1)[..., 0]))
    own = tmp_path / "own"
    own.mkdir()
    tinct.Colorizer().file(tmp_path / "grey.png", own / "coloured.png")
    assert decode(own / "coloured.png").shape == (60, 80, 3)
    with pytest.raises(InputError, match="was coloured by Tinct"):
        decode(own / "coloured.png", inferred=False)
    with pytest.raises(InputError, match="was coloured by Tinct"):
        open_pictures(own, shorter=32, validation=0, folder=tmp_path / "cache")


def test_a_source_without_pictures_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    with pytest.raises(InputError, match="no such file or folder"):
        opened(folder, tmp_path)
    folder.mkdir()
    with pytest.raises(InputError, match=r"holds no pictures .*\.avif.*manifest\.tsv"):
        opened(folder, tmp_path)
    (folder / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"1 of 1 pictures cannot be read: a\.png: not a picture"):
        opened(folder, tmp_path)
    (folder / "a.png").write_bytes(encoded(np.full((40, 40), 90, np.uint8)))
    with pytest.raises(InputError, match="none of its 1 pictures is in colour"):
        opened(folder, tmp_path)
    assert len(open_pictures(folder, shorter=9, folder=tmp_path, colour_only=False).training) == 1
    with pytest.raises(UsageError):
        opened(folder, tmp_path, validation=1.0)
    assert not list((tmp_path / "caches").glob(".*-*[!k]")), "nothing half is left"


def test_a_manifest_that_does_not_hold_is_one_line(tmp_path: Path) -> None:
    source = write_shards(tmp_path / "shards", ["a", "b", "c", "d"])
    manifest, shard = source / "manifest.tsv", source / "part-1.tar"
    whole, table = shard.read_bytes(), manifest.read_text()
    shard.write_bytes(whole[:700])
    with pytest.raises(InputError, match=r"part-1\.tar: not a whole tar file"):
        opened(source, tmp_path)
    shard.unlink()
    with pytest.raises(InputError, match=r"the shard part-1\.tar that it names is not beside it"):
        opened(source, tmp_path)
    manifest.write_text(table.replace("shard\n", "archive\n", 1))
    with pytest.raises(InputError, match="has no column shard"):
        opened(source, tmp_path)
    manifest.write_text(table.splitlines()[0])
    with pytest.raises(InputError, match="names no pictures"):
        opened(source, tmp_path)
    manifest.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a table"):
        opened(source, tmp_path)


def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)
    for number in range(12):
        (source / f"{number}.png").write_bytes(encoded(noise))
    with pytest.raises(OutputUnwritable, match="no space"):
        open_pictures(source, shorter=120, folder=small_disk / "caches")
    assert [path.suffix for path in (small_disk / "caches").iterdir()] == [".lock"]


def _open_there(source: Path, folder: Path) -> tuple[str, int]:
    found = open_pictures(source, shorter=64, folder=folder)
    return found.sha256, int(found.cache[3].sum())


def test_processes_that_open_the_same_do_no_harm(pictures: Path, tmp_path: Path) -> None:
    left = tmp_path / "c" / f".{opened(pictures, tmp_path).folder.name}-killed"
    left.mkdir(parents=True)  # by a process that was killed
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        tasks = [pool.submit(_open_there, pictures, tmp_path / "c") for _ in range(2)]
        results = {task.result() for task in tasks}
    assert len(results) == 1
    names = sorted(path.name for path in (tmp_path / "c").iterdir())
    assert len(names) == 2, "the cache and its lock"
    assert not any("-killed" in name for name in names)


def entries(count: int, artists: int) -> list[Entry]:
    return [
        Entry(f"id{i}", "painting", f"artist {i % artists}" if artists else "", 1, 1, 0)
        for i in range(count)
    ]


@pytest.mark.parametrize(("count", "artists"), [(2, 2), (2, 0), (40, 3), (1000, 50), (5000, 0)])
@pytest.mark.parametrize("share", [0.001, 0.03, 0.3, 0.99])
def test_the_split_is_stable_and_neither_side_is_empty(
    count: int, artists: int, share: float
) -> None:
    known = entries(count, artists)
    training, held = split(known, np.arange(count), share)
    assert len(training)
    assert len(held)
    assert sorted([*training, *held]) == list(range(count))
    sides = [
        {known[at].artist or known[at].id for at in side.tolist()} for side in (training, held)
    ]
    assert not sides[0] & sides[1]
    if count == 5000 and 0.01 < share < 0.9:
        assert len(held) / count == pytest.approx(share, rel=0.2)
        for position in held[:50].tolist():
            assert place(known[position]) < share


def test_a_share_of_nothing_holds_nothing_out() -> None:
    assert len(split(entries(10, 0), np.arange(10), 0.0)[1]) == 0
    assert len(split(entries(10, 1), np.arange(10), 0.3)[1]) == 0


def test_the_training_set_opens() -> None:
    source = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "train"
    if not source.is_dir():
        pytest.skip("no training pictures: TINCT_DATA names no folder that holds them")
    from tinct.training.sources import list_pictures

    listing = list_pictures(source)
    assert listing.count > 20_000
    first = next(iter(listing.encoded()))
    assert decode(first.data, shorter=100).shape[2] == 3


def test_a_manifest_may_name_files_and_its_split_counts(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "in").mkdir(parents=True)
    lines = ["id\tfile\tartist\tsplit"]
    for number, side in enumerate(["train", "train", "validation", "test", "train"]):
        (folder / "in" / f"{number}.png").write_bytes(encoded(scene(number, 40, 50)))
        lines.append(f"p{number}\tin/{number}.png\tsomebody\t{side}")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    found = opened(folder, tmp_path)
    names = [entry.id for entry in found.cache.entries]
    assert [names[at] for at in found.training] == ["p0", "p1", "p4"]
    assert [names[at] for at in found.validation] == ["p2"]
    assert found.cache.entries[0].artist == "somebody"
    (folder / "in" / "0.png").unlink()
    again = opened(folder, tmp_path, unreadable=0.5)
    assert [name for name, _ in again.unreadable] == ["p0"]
