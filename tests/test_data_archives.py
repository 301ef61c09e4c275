"""Archives that were made to do harm, and pictures that are no files yet."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.misbehaving import picture
from tests.programs import need
from tinct.datasets import archives
from tinct.datasets.archives import is_archive, members
from tinct.datasets.get import Options, get
from tinct.datasets.listing import find_origin
from tinct.datasets.lists import read_list, row_of_path
from tinct.datasets.manifest import read_manifest
from tinct.datasets.records import CLASSES, avatars
from tinct.datasets.sources import SOURCES
from tinct.errors import InputError, Unreadable, UsageError


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def read(path: Path, **options: int) -> dict[str, bytes | str]:
    return {
        member.name: member.refused or member.read()
        for member in members(path, lambda name: name.endswith(".png"), **options)
    }


Write = Callable[[Path, dict[str, bytes]], Path]
FILES = {"cat/a.png": b"aa", "cat/.hidden.png": b"x", "__MACOSX/cat/a.png": b"x", "notes.txt": b""}
ASTRAY = ("../up.png", "/etc/up.png", "a/../../up.png", "C:\\up.png", "..\\up.png")


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_members_are_read_and_paths_that_lead_out_are_refused(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", {**FILES, **dict.fromkeys(ASTRAY, b"up")})
    assert is_archive(archive)
    found = read(archive)
    assert found.pop("cat/a.png") == b"aa"
    assert len(found) == len(ASTRAY)
    assert set(found.values()) == {"its path leads out of the archive"}


def test_links_are_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert read(tmp_path / "a.zip") == {"link.png": "is a link"}
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            link = tarfile.TarInfo(f"{kind.decode()}.png")
            link.type, link.linkname = kind, "/etc/passwd"
            tar.addfile(link)
    assert set(read(tmp_path / "a.tar").values()) == {"is a link or a device"}


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_bombs_are_refused(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "HARMLESS", 1 << 16)
    bomb = write(tmp_path / "bomb", {f"{n}.png": bytes(1 << 20) for n in range(4)})
    with pytest.raises(InputError, match=r"refused: .* come out of"):
        read(bomb)
    monkeypatch.setattr(archives, "SWELLING", 1 << 20)
    assert len(read(bomb)) == 4
    assert set(read(bomb, largest=1000).values()) == {"is 1,048,576 bytes, more than 1,000"}


def test_a_member_that_is_more_than_it_says_is_cut(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(1 << 20)})
    data = path.read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(Unreadable, match="damaged in its archive"):
        read(path)


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_cut_archive_is_said_to_be(tmp_path: Path, write: Write) -> None:
    files = {f"{number}.png": picture(number) for number in range(20)}
    archive = write(tmp_path / "archive", files)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(InputError, match=r"not a whole archive|damaged in its archive"):
        read(archive)


def test_rar_and_7z_need_bsdtar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "a.rar"
    archive.write_bytes(b"Rar!\x1a\x07\x01\x00rest")
    assert is_archive(archive)
    monkeypatch.setattr(archives, "which", lambda _: None)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(UsageError, match="RAR archives are read by bsdtar"):
        read(archive)


def test_7z_comes_through_bsdtar(tmp_path: Path) -> None:
    bsdtar = need("bsdtar", "libarchive-tools")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(picture(1))
    command = [bsdtar, "-cf", "a.7z", "--format", "7zip", "cat"]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert read(tmp_path / "a.7z") == {"cat/a.png": picture(1)}
    (tmp_path / "a.7z").write_bytes((tmp_path / "a.7z").read_bytes()[:100])
    with pytest.raises(InputError, match="not a whole archive"):
        read(tmp_path / "a.7z")


def test_an_archive_becomes_a_set(tmp_path: Path) -> None:
    """A damaged member costs that member alone; squashed copies of Best Artworks are left out."""
    archive = write_zip(
        tmp_path / "best.zip",
        {
            "images/images/Paul_Klee/Paul_Klee_1.png": picture(1),
            "images/images/Paul_Klee/Paul_Klee_2.png": picture(2)[:500],
            "images/images/Edgar_Degas/Edgar_Degas_1.png": picture(1),
            "resized/resized/Paul_Klee_1.png": picture(3),
            "../out.png": picture(4),
        },
    )
    origin = find_origin("best-artworks", archive=archive)
    assert not origin.online
    assert get(origin, tmp_path / "set").counts == {"saved": 1, "failed": 1, "duplicate": 1}
    (row,) = read_manifest(tmp_path / "set" / "manifest.tsv")
    assert row.artist in {"Paul Klee", "Edgar Degas"}  # whichever of the two came first
    name = row.artist.replace(" ", "_")
    assert (row.category, row.title) == ("", f"{name}_1")
    assert row.source == f"best-artworks:images/images/{name}/{name}_1.png"
    assert row.licence == SOURCES["best-artworks"].licence
    outcome = get(find_origin(str(archive)), tmp_path / "all")
    assert outcome.counts == {"saved": 2, "failed": 1, "duplicate": 1, "refused": 1}
    assert list(tmp_path.parent.glob("out.png")) == []
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    origin = find_origin("best-artworks", archive=tmp_path / "unpacked")
    assert get(origin, tmp_path / "folder").counts == {"saved": 1, "failed": 1, "duplicate": 1}


def test_what_folders_say() -> None:
    row = row_of_path("musemart/dataset_updated/validation_set/iconography/1.jpg", artists=False)
    assert (row.split, row.category, row.title) == ("validation", "iconography", "1")
    assert row_of_path("Linnaeus 5/train/berry/1_256.jpg", artists=False).split == "train"
    assert row_of_path("a.jpg", artists=True).artist == ""


def test_avatars_are_cut_and_enlarged_without_smoothing(tmp_path: Path) -> None:
    sheet = np.random.default_rng(1).integers(0, 256, (48, 72, 4), np.uint8)
    Image.fromarray(sheet).save(tmp_path / "sheet.png")
    found = list(avatars(tmp_path / "sheet.png", enlarge=3))
    assert [wanted.row.title for wanted in found] == [f"#{number}" for number in range(6)]
    read = found[4].read
    assert read is not None
    with Image.open(io.BytesIO(read())) as avatar:
        pixels = np.asarray(avatar)
    assert pixels.shape == (72, 72, 4)
    assert np.array_equal(pixels[::3, ::3], sheet[24:48, 24:48])
    assert np.array_equal(pixels, pixels[::3, ::3].repeat(3, 0).repeat(3, 1))
    Image.fromarray(sheet[:47]).save(tmp_path / "sheet.png")
    with pytest.raises(InputError, match="no whole number of avatars"):
        next(avatars(tmp_path / "sheet.png"))


def test_a_sheet_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    size = struct.pack(">II", 100_000, 100_000) + b"\x08\x02\x00\x00\x00"
    chunk = struct.pack(">I", 13) + b"IHDR" + size + struct.pack(">I", zlib.crc32(b"IHDR" + size))
    (tmp_path / "sheet.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(InputError, match="no picture"):
        next(avatars(tmp_path / "sheet.png"))


def test_cifar_records_become_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), np.uint8)
    records = [
        bytes([label]) + one.transpose(2, 0, 1).tobytes() for label, one in enumerate(pixels)
    ]
    archive = write_tar(
        tmp_path / "cifar-10-binary.tar.gz",
        {
            "cifar-10-batches-bin/data_batch_1.bin": records[0],
            "cifar-10-batches-bin/test_batch.bin": records[1],
        },
    )
    origin = find_origin("cifar-10", archive=archive)
    with pytest.raises(InputError, match=r"not the file expected .* published"):
        get(origin, tmp_path / "set")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr("tinct.datasets.listing.check_whole", lambda *_: sha256)
    assert get(origin, tmp_path / "set", Options(limit=2)).counts == {"saved": 2}
    rows = read_manifest(tmp_path / "set" / "manifest.tsv")
    rows.sort(key=lambda row: row.source)
    assert [(row.split, row.category) for row in rows] == [
        ("train", CLASSES[0]),
        ("test", CLASSES[1]),
    ]
    for row, expected in zip(rows, pixels, strict=True):
        with Image.open(tmp_path / "set" / row.file) as found:
            assert np.array_equal(np.asarray(found), expected)


def listed(tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    return [(it.url, it.row.category, it.row.split) for it in read_list(path)]


def test_lists_of_all_manners(tmp_path: Path) -> None:
    plain = "\ufeff# mine\nhttp://a.org/1.jpg\n\n https://a.org/2.jpg \nnot an address\n"
    assert listed(tmp_path, plain) == [
        ("http://a.org/1.jpg", "", ""),
        ("https://a.org/2.jpg", "", ""),
        ("not an address", "", ""),  # its failure is reported as any other
    ]
    imagenet = "n01440764_10026\thttp://a.org/1.jpg\nn01440764_1 http://a.org/2.jpg\n"
    assert listed(tmp_path, imagenet) == [
        (f"http://a.org/{number}.jpg", "n01440764", "") for number in (1, 2)
    ]
    table = (
        "Image URL,Web page,Subset,Labels\n'http://a.org/1,2.jpg',x,'validation',' dog chair '\n"
    )
    assert listed(tmp_path, table.replace("'http://a.org/1,2.jpg'", '"http://a.org/1,2.jpg"')) == [
        ("http://a.org/1,2.jpg", "dog chair", "validation")
    ]
    for empty in ("", "# nothing\n", "name\tsize\na\t1\n"):
        with pytest.raises(InputError, match="lists no addresses"):
            listed(tmp_path, empty)
