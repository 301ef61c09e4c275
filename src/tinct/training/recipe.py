"""Recipes: TOML files that hold every setting of a training run, and nothing implied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fit = Literal["crop", "stretch", "contain"]
OptimiserName = Literal["adam", "adamw", "rmsprop"]
ScheduleKind = Literal["constant", "exponential", "plateau", "inverse", "cosine", "onecycle"]
LossKind = Literal["mse", "l1", "bins"]
AdversarialKind = Literal["none", "bce", "least-squares"]
Precision = Literal["auto", "32", "bf16"]
Accelerator = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class Data:
    """Which pictures, and how they become squares."""

    size: int = 0
    """Side in pixels of the squares to train on; 0 takes the system's own."""
    final_size: int = 0
    """Side in the last tenth of the steps; 0 keeps `size`. Batches shrink to the same area."""
    batch: int = 32
    """Pictures in a batch, over all devices."""
    fit: Fit = "crop"
    """How a picture becomes square: its middle or a random part (`crop`), squashed (`stretch`),
    or whole with white bars (`contain`)."""
    pictures: int = 0
    """At most so many pictures to learn from; 0 takes all."""
    validation: float = 0.03
    """Share of the pictures held out, by artist where one is known; 0 validates on the pictures
    learned from."""
    checked: int = 128
    """At most so many held-out pictures in a validation."""
    shorter: int = 256
    """Pictures are decoded at this shorter side at most, and kept decoded."""
    packed: bool = False
    """Keep them as JPEG of high quality rather than as they are, in a fifth of the room."""
    unreadable: float = 0.05
    """Share of unreadable pictures above which training does not start."""
    workers: int = 1
    """Threads that prepare pictures; 0 does it between the steps."""
    replay: float = 0.0
    """Share of what is drawn that comes from a generic set, so that older skills are kept."""
    replay_from: str = ""
    """That set; empty takes the folder `train` of TINCT_DATA."""
    apart: bool = False
    """Keep what `start` said of pictures that are unlike those learned from: the exported model
    holds both networks, and tells by `replay_from` which pictures are meant (`tinct` with a frozen
    encoder only)."""


@dataclass(frozen=True)
class Augmentation:
    """What is done to a picture before the network sees it. Validation is never augmented."""

    smallest_crop: float = 1.0
    """Smallest side of a crop as a share of the picture's shorter side (the largest is 1)."""
    flip: bool = True
    """Mirror half of the pictures."""
    upside_down: bool = False
    """Turn half of the pictures upside down."""
    rotation: float = 0.0
    """Largest angle in degrees."""
    shear: float = 0.0
    """Largest shear angle in radians."""
    zoom: float = 0.0
    """Each axis is scaled by 1 - zoom to 1 + zoom."""
    whole_batch: bool = False
    """One draw of rotation, shear, zoom and flip for a whole batch."""
    film: float = 0.0
    """Share of pictures whose grey comes from other than Rec. 601 weights, as film sees it."""
    ageing: float = 0.0
    """Share of pictures that are faded, grained, blurred or compressed. Truths never are."""


@dataclass(frozen=True)
class Optimiser:
    """How weights follow gradients."""

    name: OptimiserName = "adam"
    """Which rule."""
    rate: float = 1e-3
    """Learning rate at its peak."""
    pretrained: float = 1.0
    """Share of that rate for weights that come from another training."""
    frozen: tuple[str, ...] = ()
    """Parts of the network that stay as they begin, by the first words of their weights' names."""
    beta1: float = 0.9
    """Decay of the mean gradient (Adam)."""
    beta2: float = 0.999
    """Decay of the squared gradient (Adam; RMSprop's rho is 0.9)."""
    weight_decay: float = 0.0
    """Pull towards zero."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes."""

    kind: ScheduleKind = "constant"
    """Which curve."""
    rate: float = 0.1
    """`exponential`: rate ** (step / steps)."""
    steps: int = 0
    """`exponential`: steps of one such factor; 0 takes all steps of the run."""
    decay: float = 0.0
    """`inverse`: 1 / (1 + decay * step); 0 takes the learning rate divided by all steps."""
    factor: float = 0.5
    """`plateau`: what the rate is multiplied by."""
    patience: int = 3
    """`plateau`: validations without a better loss before that."""
    warmup: float = 0.0
    """`cosine`, `onecycle`: share of the run in which the rate rises."""
    floor: float = 0.0
    """The rate never falls below this."""


@dataclass(frozen=True)
class Loss:
    """What the network is told to make small."""

    kind: LossKind = "mse"
    """Of a*b* (`mse`, `l1`) or of a distribution over a*b* bins (`bins`)."""
    scale: float = 128.0
    """a*b* are divided by this first (`mse`, `l1`)."""
    weight: float = 1.0
    """Weight beside adversarial terms."""
    rebalance: float = 0.5
    """`bins`: how alike rare and common colours weigh, from 0 (the rarer, the more, in proportion)
    to 1 (all alike)."""
    huber: float = 0.5
    """`bins`: weight of the Huber term."""
    gradient: float = 0.25
    """`bins`: weight of the a*b* gradient term."""
    grid: int = 14
    """`bins`: step of the a*b* bins in CIE units."""
    keep: float = 0.0
    """`bins`: weight with which replayed pictures hold the network to the odds that it began with,
    rather than to their own colours; 0 learns from them like from the others."""


@dataclass(frozen=True)
class Adversarial:
    """Networks that learn to tell coloured pictures from real ones."""

    kind: AdversarialKind = "none"
    """Binary cross-entropy (`bce`), or squares (`least-squares`, arXiv 1611.04076)."""
    discriminators: tuple[str, ...] = ()
    """Which of the system's discriminators."""
    weight: float = 0.01
    """Weight of each one's verdict in the network's loss."""
    features: float = 0.0
    """Weight of feature matching (arXiv 1606.03498) for each one."""
    real: float = 1.0
    """Target for real pictures; 0.9 is one-sided label smoothing (arXiv 1606.03498)."""
    rate: float = 0.0
    """Learning rate of the discriminators; 0 takes that of the network."""
    own_batches: bool = False
    """A fresh batch for every network in every step."""


@dataclass(frozen=True)
class Steering:
    """How often the network is told what users might tell it (`tinct` only)."""

    hints: float = 0.0
    """Share of pictures with points of known colour."""
    palette: float = 0.0
    """Share of pictures whose palette is known."""


@dataclass(frozen=True)
class Stop:
    """When training ends: whichever comes first."""

    steps: int = 0
    """After so many steps; 0 sets no limit."""
    epochs: float = 0.0
    """After so many times all pictures; 0 sets no limit."""
    minutes: float = 0.0
    """After so many minutes by the clock, all resumed parts together; 0 sets no limit."""
    core_minutes: float = 0.0
    """After so many minutes of processor time, all threads together; 0 sets no limit."""
    patience: int = 0
    """After so many validations without a better loss; 0 sets no limit."""


@dataclass(frozen=True)
class Run:
    """How training is carried out; none of it changes what is learned but `average`."""

    every: int = 0
    """Steps between validations and checkpoints; 0 takes one epoch."""
    accumulate: int = 1
    """Batches whose gradients are added up to one step."""
    average: float = 0.0
    """Decay of the running average of the weights, which is then validated and kept; 0 has none."""
    precision: Precision = "auto"
    """`bf16` mixed precision, `32`, or bf16 where the device multiplies it natively (`auto`)."""
    threads: int = 0
    """CPU threads; 0 takes all cores."""
    accelerator: Accelerator = "auto"
    """Device."""
    devices: int = 1
    """Devices on each machine, -1 for all."""
    nodes: int = 1
    """Machines."""
    tensorboard: bool = False
    """Also write TensorBoard events."""
    sheet: int = 8
    """Pictures on a sample sheet."""


@dataclass(frozen=True)
class Recipe:
    """Every setting of a run."""

    name: str = ""
    """What the run is called; the file's name where nothing is said."""
    system: str = "koalarization"
    """Which of the published systems, or `tinct`."""
    classifier: str = "mobilenet_v2"
    """Backbone of systems that fuse one: `mobilenet_v2` or `inception_resnet_v2`."""
    faithful: bool = False
    """Do what the original did wherever it is not a plain bug."""
    seed: int = 1
    """Seed of everything random."""
    after: str = ""
    """Go on from the training of this recipe, which is done first, in the folder `before` of the
    run, on the same devices; not together with `start`."""
    start: str = ""
    """Begin with the weights of this model (its name, run folder or ONNX file) wherever names and
    shapes agree; empty begins afresh."""
    renew: tuple[str, ...] = ()
    """Parts of the network that begin afresh nevertheless, by the first words of their weights'
    names, such as `encoder` or `stages.0`."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Keywords for the network."""
    data: Data = field(default_factory=Data)
    """Which pictures."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """What is done to them."""
    optimiser: Optimiser = field(default_factory=Optimiser)
    """How weights follow gradients."""
    schedule: Schedule = field(default_factory=Schedule)
    """How the learning rate changes."""
    loss: Loss = field(default_factory=Loss)
    """What is made small."""
    adversarial: Adversarial = field(default_factory=Adversarial)
    """Discriminators."""
    steering: Steering = field(default_factory=Steering)
    """Hints and palettes."""
    stop: Stop = field(default_factory=Stop)
    """When training ends."""
    run: Run = field(default_factory=Run)
    """How it is carried out."""
