"""The named sources of pictures, as plain data. Reading it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from tinct.datasets.hosts import Pace
from tinct.errors import UsageError

Kind = Literal["archive", "cifar", "sheet", "table", "interface", "list"]


@dataclass(frozen=True)
class Source:
    """A place that pictures can be had from."""

    name: str
    """What users type."""
    title: str
    """One line."""
    kind: Kind
    """archive: one file with pictures; cifar: one file with records of pixels; sheet: one picture
    to be cut; table: a list of addresses; interface: asked for pictures; list: the user's own."""
    licence: str
    """Of the pictures; `each` where each has its own, which goes into the manifest."""
    size: str
    """How many pictures, and how much to fetch."""
    citation: str
    """Who is to be named."""
    homepage: str
    """Where people read about it."""
    access: str
    """How to get it, and what rules its host has."""
    checksum: str
    """What is known of the file's checksum, and from where."""
    url: str = ""
    """Of the file; of interfaces, where they are asked."""
    sha256: str = ""
    """Of the file, where it was found published; else it is recorded at the first download."""
    keys: tuple[str, ...] = ()
    """Variables of the environment that may hold the user's own key."""
    only: str = ""
    """Members of the archive that are taken: those whose path begins so."""
    artists: bool = False
    """Folders in the archive are called after painters, not after what is seen."""
    listing: str = ""
    """`module:function` in this package that asks an interface."""
    words: Literal["", "may", "must"] = ""
    """Whether an interface takes words to search for."""
    usual: int | None = None
    """How many pictures are taken where the user names no limit."""
    hosts: Mapping[str, Pace] = field(default_factory=dict)
    """What the documentation of its hosts allows."""


_FIRST = "none published: recorded at the first download, and checked from then on"
_EACH = "none: pictures come one by one, and each is named by its own sha256"
_KAGGLE = (
    "by Kaggle's interface with your own token (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and "
    "KAGGLE_KEY, or ~/.kaggle/kaggle.json), or from the archive you downloaded: --archive FILE"
)
_KAGGLE_URL = "https://www.kaggle.com/api/v1/datasets/download/"
_KAGGLE_HOSTS = {
    "www.kaggle.com": Pace(at_once=1, pause=1.0, robots=False),
    "storage.googleapis.com": Pace(at_once=2, robots=False),
}
_KAGGLE_KEYS = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY")

_ALL = (
    Source(
        name="best-artworks",
        title="Best Artworks of All Time: 50 influential painters (Kaggle)",
        kind="archive",
        licence="as stated on its page; the pictures come from a quiz on art, painters differ",
        size="over 8,000 pictures, 2 GB",
        citation="ikarus777, Best Artworks of All Time, Kaggle",
        homepage="https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time",
        access=_KAGGLE + ". The copies squashed to squares (`resized`) are left out",
        checksum=_FIRST,
        url=f"{_KAGGLE_URL}ikarus777/best-artworks-of-all-time",
        keys=_KAGGLE_KEYS,
        only="images/",
        artists=True,
        hosts=_KAGGLE_HOSTS,
    ),
    Source(
        name="art-images",
        title="Art Images: drawings, paintings, sculpture, engravings, icons (Kaggle)",
        kind="archive",
        licence="as stated on its page; pictures were collected by search engines",
        size="about 9,000 pictures; some are damaged, some stand in both of its splits",
        citation="thedownhill, Art Images: Drawing/Painting/Sculptures/Engravings, Kaggle",
        homepage=(
            "https://www.kaggle.com/datasets/thedownhill/"
            "art-images-drawings-painting-sculpture-engraving"
        ),
        access=_KAGGLE,
        checksum=_FIRST,
        url=f"{_KAGGLE_URL}thedownhill/art-images-drawings-painting-sculpture-engraving",
        keys=_KAGGLE_KEYS,
        hosts=_KAGGLE_HOSTS,
    ),
    Source(
        name="vgg-paintings",
        title="VGG Paintings: a table of pictures at Art UK, labelled with ten classes of VOC",
        kind="table",
        licence="each: for research and study; see the page of each painting at artuk.org",
        size="8,629 paintings in the paper; the table of 2021 has some more rows",
        citation="E. Crowley, A. Zisserman, In Search of Art, ECCV workshop VISART, 2014",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/paintings/",
        access="its table is fetched, then each picture from Art UK, as its robots.txt allows",
        checksum=_FIRST,
        url="https://www.robots.ox.ac.uk/~vgg/data/paintings/painting_dataset_2021.csv",
    ),
    Source(
        name="linnaeus-5",
        title="Linnaeus 5: berry, bird, dog, flower, other, 256 x 256 pixels",
        kind="archive",
        licence="none stated; for research",
        size="8,000 pictures: 1,200 for training and 400 for testing of each class",
        citation="G. Chaladze, L. Kalatozishvili, Linnaeus 5 dataset for machine learning, 2017",
        homepage="http://chaladze.com/l5/",
        access="one RAR archive; read by bsdtar (libarchive), which must be installed",
        checksum=_FIRST,
        url="https://chaladze.com/l5/img/Linnaeus%205%20256X256.rar",
    ),
    Source(
        name="cifar-10",
        title="CIFAR-10: ten classes of objects, 32 x 32 pixels",
        kind="cifar",
        licence="none stated; for research",
        size="60,000 pictures, 170,052,171 bytes: the binary version, so that nothing is unpickled",
        citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        access="one archive; its records become PNGs, their splits and classes rows",
        checksum="sha256, as red-datasets (Ruby) and other public loaders state it",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    Source(
        name="cryptopunks",
        title="CryptoPunks: 24 x 24 avatars cut from their sheet, enlarged without smoothing",
        kind="sheet",
        licence="CryptoPunks terms of Yuga Labs: the owner of each has rights in it; for research",
        size="10,000 pictures, 848,174 bytes",
        citation="Larva Labs, CryptoPunks, 2017",
        homepage="https://github.com/larvalabs/cryptopunks",
        access="one PNG of 100 x 100 avatars; --enlarge says how many times they grow",
        checksum="sha256, as the CryptoPunks contract itself states it (imageHash)",
        url="https://raw.githubusercontent.com/larvalabs/cryptopunks/master/punks.png",
        sha256="ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b",
        hosts={"raw.githubusercontent.com": Pace(at_once=1, robots=False)},
    ),
    Source(
        name="url-list",
        title="A list of addresses of your own, ImageNet's among them",
        kind="list",
        licence="each",
        size="as many as it has lines",
        citation="J. Deng et al., ImageNet: A Large-Scale Hierarchical Image Database, CVPR 2009",
        homepage="https://www.image-net.org/",
        access=(
            "name the file instead of a source: an address on each line, perhaps after an id "
            "(n01440764_10026 http://...), or a table with a column url"
        ),
        checksum=_EACH,
    ),
    Source(
        name="open-images",
        title="Open Images V7 by class: photographs with labels that people verified",
        kind="interface",
        licence="each: CC BY 2.0 as listed; author and licence go into the manifest",
        size="up to 41,620 of its validation and 125,436 of its test pictures",
        citation="A. Kuznetsova et al., The Open Images Dataset V4, IJCV 2020",
        homepage="https://storage.googleapis.com/openimages/web/download_v7.html",
        access=(
            "--query CLASS, as Open Images calls it; tables of 70 to 200 MB are fetched once and "
            "kept; the nine million training pictures, whose tables take gigabytes, are not offered"
        ),
        checksum=(
            "sha256 of the tables of classes and of the validation set, as public fetchers state "
            "them; those of the test set are recorded at the first download"
        ),
        url="https://storage.googleapis.com/openimages/",
        listing="openimages:open_images",
        words="must",
        usual=500,
        hosts={
            "storage.googleapis.com": Pace(at_once=2, robots=False),
            "open-images-dataset.s3.amazonaws.com": Pace(at_once=8, robots=False),
        },
    ),
    Source(
        name="met",
        title="The Met: paintings in the public domain",
        kind="interface",
        licence="CC0 1.0",
        size="thousands of paintings; at most 10,000 of one search",
        citation="The Metropolitan Museum of Art, Open Access",
        homepage="https://metmuseum.github.io/",
        access="its interface; at most 80 requests a second are allowed, at most 10 are made",
        checksum=_EACH,
        url="https://collectionapi.metmuseum.org/public/collection/",
        listing="museums:met",
        words="may",
        usual=500,
        hosts={
            "collectionapi.metmuseum.org": Pace(at_once=2, pause=0.1, robots=False),
            "images.metmuseum.org": Pace(at_once=2, pause=0.1, robots=False),
        },
    ),
    Source(
        name="artic",
        title="Art Institute of Chicago: paintings in the public domain",
        kind="interface",
        licence="CC0 1.0",
        size="thousands of paintings",
        citation="Art Institute of Chicago, public API",
        homepage="https://api.artic.edu/docs/",
        access=(
            "its interface: at most 60 requests a minute; pictures of 843 pixels, which it asks "
            "programs to use, one at a time and one a second"
        ),
        checksum=_EACH,
        url="https://api.artic.edu/api/v1/",
        listing="museums:artic",
        words="may",
        usual=500,
        hosts={
            "api.artic.edu": Pace(at_once=1, pause=1.1, robots=False),
            "www.artic.edu": Pace(at_once=1, pause=1.0, robots=False),
        },
    ),
    Source(
        name="rijksmuseum",
        title="Rijksmuseum: paintings in the public domain",
        kind="interface",
        licence="each: public domain mark or CC0",
        size="some 4,900 paintings with pictures",
        citation="Rijksmuseum, data services",
        homepage="https://data.rijksmuseum.nl/docs/search",
        access="its interface, without a key; its limits are not published, 4 a second are made",
        checksum=_EACH,
        url="https://data.rijksmuseum.nl/",
        listing="museums:rijksmuseum",
        words="may",
        usual=500,
        hosts={
            "data.rijksmuseum.nl": Pace(at_once=1, pause=0.25, robots=False),
            "id.rijksmuseum.nl": Pace(at_once=1, pause=0.25, robots=False),
            "iiif.micr.io": Pace(at_once=2, pause=0.25, robots=False),
        },
    ),
    Source(
        name="commons",
        title="Wikimedia Commons: works of art in the public domain",
        kind="interface",
        licence="each: public domain or CC0",
        size="hundreds of thousands; at most 10,000 of one search",
        citation="Wikimedia Commons; author and page of each go into the manifest",
        homepage="https://commons.wikimedia.org/wiki/Commons:API",
        access=(
            "its interface, one request at a time; say who you are with --contact, as its rules "
            "want. --query takes words, or `Category:Paintings by Claude Monet`"
        ),
        checksum=_EACH,
        url="https://commons.wikimedia.org/w/api.php",
        listing="museums:commons",
        words="must",
        usual=500,
        hosts={
            "commons.wikimedia.org": Pace(at_once=1, pause=0.5, robots=False),
            "upload.wikimedia.org": Pace(at_once=2, pause=0.25, robots=False),
        },
    ),
    Source(
        name="pexels",
        title="Pexels by keyword: photographs",
        kind="interface",
        licence="Pexels licence",
        size="what a search finds",
        citation="photographers of Pexels; each is named in the manifest",
        homepage="https://www.pexels.com/api/documentation/",
        access="its interface, with your own key: 200 requests an hour, 80 pictures each",
        checksum=_EACH,
        url="https://api.pexels.com/v1/",
        keys=("PEXELS_API_KEY",),
        listing="keywords:pexels",
        words="must",
        usual=500,
        hosts={
            "api.pexels.com": Pace(at_once=1, pause=1.0, robots=False),
            "images.pexels.com": Pace(at_once=2, pause=0.2, robots=False),
        },
    ),
    Source(
        name="pixabay",
        title="Pixabay by keyword: photographs",
        kind="interface",
        licence="Pixabay content licence",
        size="at most 500 of one search; mass downloads are against its rules",
        citation="users of Pixabay; each is named in the manifest",
        homepage="https://pixabay.com/api/docs/",
        access="its interface, with your own key: 100 requests a minute, answers kept for a day",
        checksum=_EACH,
        url="https://pixabay.com/api/",
        keys=("PIXABAY_API_KEY",),
        listing="keywords:pixabay",
        words="must",
        usual=500,
        hosts={
            "pixabay.com": Pace(at_once=1, pause=0.7, robots=False),
            "cdn.pixabay.com": Pace(at_once=1, pause=0.5, robots=False),
        },
    ),
)

SOURCES: Mapping[str, Source] = {source.name: source for source in _ALL}


def find_source(name: str) -> Source:
    """The source of that name.

    Raises:
        UsageError: there is none; says which there are.
    """
    if name in SOURCES:
        return SOURCES[name]
    near = get_close_matches(name, list(SOURCES), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(SOURCES)}"
    raise UsageError("no such source, and no file or folder", where=name, remedy=hint)
