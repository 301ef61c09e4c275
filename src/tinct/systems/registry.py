"""The published systems that Tinct holds, as plain data. Reading it does not import torch."""

from __future__ import annotations

from tinct.errors import UsageError
from tinct.systems.system import Discriminator, System


def find_system(name: str) -> System:
    """The system of that name; an error that names all of them otherwise."""
    if name == TINCT.name:
        return TINCT
    if name not in SYSTEMS:
        known = ", ".join((*SYSTEMS, TINCT.name))
        raise UsageError("no such system", where=name, remedy=f"one of {known}")
    return SYSTEMS[name]


_WALLNER = "https://github.com/emilwallner/Coloring-greyscale-images"
_ARTICLE = (
    "E. Wallner, How to colorize black & white photos with just 100 lines of neural network code, "
    "2017"
)
_KOALARIZATION = (
    "F. Baldassarre, D. González Morín, L. Rodés-Guirao, Deep Koalarization: Image Colorization "
    "using CNNs and Inception-ResNet-v2, arXiv 1712.03400"
)

_BLOCKS = "a*b* predicted at half size were enlarged by repeating pixels; now bilinearly"
_BLIND = "the classifier was fed 0..1 where 0..255 was expected and saw nearly black pictures"
_GREYED = "lightness came from the colour original; now from the greyed picture, as of a scan"
_SIZE = "one size only, aspect not kept; now any size, padded and cropped inside"
_VALIDATION = "validation pictures were augmented like those for training"
_BASELINE = "no baseline; grey and constant tint now stand beside every figure"

SYSTEMS: dict[str, System] = {
    "alpha": System(
        name="alpha",
        title="Wallner's one-picture network: shows overfitting in minutes",
        paper=_ARTICLE,
        repository=_WALLNER,
        licence="MIT",
        factory="tinct.systems.alpha:Alpha",
        parameters=32_202,
        size=400,
        multiple=8,
        bound=128.0,
        settings={
            "loss": "MSE of a*b* / 128",
            "optimiser": "RMSprop, learning rate 1e-3",
            "batch": "1",
            "epochs": "1000, on one picture of 400 x 400",
            "augmentation": "none",
        },
        mended=(_SIZE, _GREYED, _BASELINE),
    ),
    "beta": System(
        name="beta",
        title="Wallner's second network: the same idea, trained on a folder",
        paper=_ARTICLE,
        repository=_WALLNER,
        licence="MIT",
        factory="tinct.systems.beta:Beta",
        parameters=3_892_194,
        size=256,
        multiple=8,
        bound=128.0,
        half_size=True,
        settings={
            "loss": "MSE of a*b* / 128",
            "optimiser": "RMSprop, learning rate 1e-3",
            "batch": "10; 50 on cryptopunks",
            "epochs": "1 of 10 steps, as a demonstration",
            "augmentation": "shear 0.2, zoom 0.2, rotation 20 degrees, horizontal flip",
            "split": "95 % training, 5 % validation",
        },
        mended=(
            _SIZE,
            _BLOCKS,
            _GREYED,
            _BASELINE,
            "a search over settings went on with one network; now each has a fresh one",
        ),
    ),
    "full": System(
        name="full",
        title="Wallner's third network: fused with a classifier's 1000 class probabilities",
        paper=f"{_ARTICLE}; after {_KOALARIZATION}",
        repository=_WALLNER,
        licence="MIT",
        factory="tinct.systems.full:Full",
        parameters=6_541_202,
        size=256,
        multiple=8,
        bound=128.0,
        embedding=1000,
        kind="probabilities",
        half_size=True,
        settings={
            "loss": "MSE of a*b* / 128",
            "optimiser": "RMSprop, learning rate 1e-3",
            "batch": "10",
            "augmentation": "shear 0.2, zoom 0.2, rotation 20 degrees, horizontal flip",
            "classifier": "Inception-ResNet-v2, 1000 probabilities",
        },
        mended=(
            _BLIND,
            _SIZE,
            _BLOCKS,
            _GREYED,
            _BASELINE,
            "the classifier's vector was computed twice for every batch",
        ),
    ),
    "koalarization": System(
        name="koalarization",
        title="Deep koalarization: fusion of Inception-ResNet-v2's 1001 logits",
        paper=_KOALARIZATION,
        repository="https://github.com/baldassarreFe/deep-koalarization",
        licence="MIT",
        factory="tinct.systems.koalarization:Koalarization",
        parameters=6_574_050,
        size=224,
        multiple=8,
        bound=127.0,
        embedding=1001,
        kind="logits",
        half_size=True,
        settings={
            "loss": "MSE of a*b* / 127",
            "optimiser": "Adam, learning rate 1e-3",
            "batch": "100",
            "data": "about 60,000 ImageNet pictures, 10 % for validation",
            "augmentation": "none",
            "classifier": "Inception-ResNet-v2, 1001 logits, picture at 299 x 299",
        },
        mended=(
            "white borders from resizing were learned as part of the pictures",
            "sides had to be multiples of 8; now any size, padded and cropped inside",
            _BLOCKS,
            _GREYED,
            _BASELINE,
        ),
    ),
    "paintings": System(
        name="paintings",
        title="The max-pool variant trained on Best Artworks of All Time",
        paper=f"K. Georgiev, course project, 2019; after {_KOALARIZATION}",
        repository="https://github.com/kgeorgiev42/Image-Colorization-of-Historical-Paintings",
        licence="none stated",
        factory="tinct.systems.paintings:Paintings",
        parameters=4_696_098,
        size=256,
        multiple=8,
        bound=128.0,
        embedding=1000,
        kind="probabilities",
        half_size=True,
        settings={
            "loss": "MSE of a*b* / 128",
            "optimiser": "Adam, learning rate 5e-4 (second run 1e-3)",
            "schedule": "plateau: patience 3, factor 0.5, least 1e-5; early stop after 6",
            "batch": "20 (second run 16)",
            "epochs": "23 of 30 (second run 30, without early stop)",
            "data": "2,500 of Best Artworks: 2,227 training, 248 validation, 25 test",
            "augmentation": "shear 0.4, rotation 40 degrees, zoom 0.4, flip (second: 0.1, 10, 0.1)",
            "classifier": "Inception-ResNet-v2, 1000 probabilities",
            "best validation MSE": "0.012252 (second run 0.012141)",
        },
        mended=(
            _BLIND,
            "the seed was assigned over the function that sets it, so no run could be repeated",
            _VALIDATION,
            "pictures were drawn with replacement, so duplicates crossed the splits",
            _SIZE,
            _BLOCKS,
            _GREYED,
            _BASELINE,
        ),
    ),
    "gan32": System(
        name="gan32",
        title="The 32-pixel GAN: U-Net and discriminator with batch or spectral norm",
        paper=(
            "K. Nazeri, E. Ng, M. Ebrahimi, Image Colorization using Generative Adversarial "
            "Networks, arXiv 1803.05400"
        ),
        repository="https://github.com/karoly-hars/GAN_image_colorizing",
        licence="MIT",
        factory="tinct.systems.gan32:Generator",
        parameters=16_654_722,
        size=32,
        multiple=16,
        bound=127.0,
        discriminators={
            "batch": Discriminator(
                "tinct.systems.gan32:Discriminator", 2_766_529, {"norm": "batch"}
            ),
            "spectral": Discriminator(
                "tinct.systems.gan32:Discriminator",
                2_764_737,
                {"norm": "spectral", "normal": False},
            ),
        },
        settings={
            "loss": "0.01 BCE + 0.99 L1 of a*b* / 127 (spectral: 0.015 and 0.985)",
            "label smoothing": "real is 0.9 (spectral: 1)",
            "optimiser": "Adam, betas 0.5 and 0.999",
            "learning rate": "generator 3e-4, discriminator 6e-5 (spectral: both 2e-4)",
            "schedule": "0.1 ** (step / 60,000), at least 1e-6 (spectral: 40,000)",
            "batch": "32",
            "epochs": "200; 666 on paintings (spectral: 100)",
            "initialisation": "N(0, 0.02) (spectral: torch's own)",
            "data": "CIFAR-10; 10,000 + 2,000 paintings",
            "augmentation": "horizontal flip",
        },
        mended=(
            "pictures of 32 x 32 only; now any size, the published network to the bit at 32",
            "no checkpoint was chosen by validation, though it was best at epoch 156 of 666",
            _GREYED,
            _BASELINE,
        ),
    ),
    "colorit": System(
        name="colorit",
        title="ColorIt's plain autoencoder: eight convolutions down, five up",
        paper="none; the network behind a web application, 2021",
        repository="https://github.com/lakkshh/ColorIt-Colorize-BW-Images",
        licence="none stated",
        factory="tinct.systems.colorit:ColorIt",
        parameters=6_219_410,
        size=256,
        multiple=8,
        bound=None,
        half_size=True,
        settings={
            "loss": "MSE of a*b* / 128",
            "optimiser": "Adam, learning rate 1e-3",
            "batch": "32, 46 steps an epoch",
            "epochs": "40",
            "data": "1,500 drawings, paintings, sculptures, engravings and icons",
            "augmentation": "once, before training: rotation 40 degrees, both flips",
        },
        mended=(
            "`accuracy` 83.5 % only asked whether b* > a*, which a constant answers as well",
            "no validation pictures at all",
            "each picture was augmented once for all epochs",
            _SIZE,
            _BLOCKS,
            _GREYED,
            _BASELINE,
        ),
    ),
    "pix2pix": System(
        name="pix2pix",
        title="Wallner's GAN: U-Net with self-attention, three discriminators at three scales",
        paper=(
            "E. Wallner, Coloring-greyscale-images, GAN version, 2018; after P. Isola et al., "
            "arXiv 1611.07004, and H. Zhang et al., arXiv 1805.08318"
        ),
        repository=_WALLNER,
        licence="MIT",
        factory="tinct.systems.pix2pix:Generator",
        parameters=41_778_563,
        size=128,
        multiple=64,
        bound=128.0,
        discriminators={
            name: Discriminator("tinct.systems.pix2pix:Discriminator", count, {"scale": name})
            for name, count in (("full", 2_785_378), ("medium", 2_769_938), ("low", 2_769_938))
        },
        settings={
            "loss": "MAE of a*b* / 128 + at each scale 3.33 MAE of features and 0.33 MSE to 1",
            "discriminators' loss": "MSE to 1 for real and 0 for coloured",
            "optimiser": "Adam, learning rate 2e-4, beta1 0.5",
            "schedule": "inverse time, decay of rate / total steps",
            "batch": "5; four batches a step, one for each network",
            "epochs": "10",
            "augmentation": "one rotation within 20 degrees and one flip a batch",
        },
        mended=(
            "Lab was computed from RGB in -1..1, so mid-grey had L* 0 and red left the range",
            "the discriminator of lowest scale was not frozen while the generator trained",
            _SIZE,
            _GREYED,
            _BASELINE,
        ),
    ),
    "pix2pixhd": System(
        name="pix2pixhd",
        title="The larger generator of the same GAN: a global network and a local enhancer",
        paper=(
            "E. Wallner, Coloring-greyscale-images, experimental, 2018; after T.-C. Wang et al., "
            "arXiv 1711.11585"
        ),
        repository=_WALLNER,
        licence="MIT",
        factory="tinct.systems.pix2pixhd:Generator",
        parameters=66_325_636,
        size=384,
        multiple=128,
        bound=128.0,
        discriminators={
            name: Discriminator("tinct.systems.pix2pix:Discriminator", count, {"scale": name})
            for name, count in (("full", 2_785_378), ("medium", 2_769_938), ("low", 2_769_938))
        },
        settings={"all": "as pix2pix; core at half size first, then core and enhancer"},
        mended=(
            "Lab was computed from RGB in -1..1, so mid-grey had L* 0 and red left the range",
            "the enhancer's last convolution halved what the layer before had enlarged",
            _SIZE,
            _GREYED,
            _BASELINE,
        ),
    ),
}

#: the network of the shipped models; its `forward` takes a temperature and gives a distribution too
TINCT = System(
    name="tinct",
    title="MobileNetV2 features, a light decoder, and a distribution over a*b* bins",
    paper="docs/models; after R. Zhang et al., Colorful Image Colorization, arXiv 1603.08511",
    repository="https://github.com/tinct/tinct",
    licence="Apache-2.0",
    factory="tinct.systems.tinct:from_grid",
    parameters=4_276_120,
    size=128,
    multiple=32,
    bound=None,
    settings={"all": "see recipes/tinct.toml"},
    mended=(),
)
