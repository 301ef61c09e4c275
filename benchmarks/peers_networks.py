"""The networks of well-known peers, re-built from their published layer tables, for speed alone.

Weights are random: how long a network takes does not depend on them. What differs from the
originals stands at each; nothing here is any of their code.

    zhang16     Zhang et al., Colorful Image Colorization, arXiv 1603.08511
    siggraph17  Zhang et al., Real-Time User-Guided Image Colorization, arXiv 1705.02999
    deoldify    Antic, DeOldify: a U-Net over a ResNet as fastai 1 builds it, with self-attention
                (arXiv 1805.08318), spectral norm folded in; "artistic" and "stable"
    ddcolor     Kang et al., DDColor, arXiv 2212.11613; over ConvNeXt (arXiv 2201.03545)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convs(table: Sequence[tuple[int, int, int, int]]) -> nn.Sequential:
    """Rows (in, out, stride, dilation) of 3x3 convolutions with ReLU, batch norm at the end."""
    layers: list[nn.Module] = []
    for channels_in, channels_out, stride, dilation in table:
        layers += [nn.Conv2d(channels_in, channels_out, 3, stride, dilation, dilation), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm2d(table[-1][1]))


class Zhang16(nn.Module):
    """VGG-like, dilated, to 313 bins at a quarter of the size; the mean enlarged fourfold."""

    def __init__(self) -> None:
        super().__init__()
        wide = (512, 512, 1, 1)
        far = (512, 512, 1, 2)
        self.features = nn.Sequential(
            convs([(1, 64, 1, 1), (64, 64, 2, 1)]),
            convs([(64, 128, 1, 1), (128, 128, 2, 1)]),
            convs([(128, 256, 1, 1), (256, 256, 1, 1), (256, 256, 2, 1)]),
            convs([(256, 512, 1, 1), wide, wide]),
            convs([far] * 3),
            convs([far] * 3),
            convs([wide] * 3),
            nn.ConvTranspose2d(512, 256, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(256, 313, 1),
        )
        self.mean = nn.Conv2d(313, 2, 1, bias=False)

    def forward(self, light: Tensor) -> Tensor:
        """(N, 1, H, W) to (N, 2, H, W)."""
        bins = torch.softmax(self.features(light), dim=1)
        return F.interpolate(self.mean(bins), scale_factor=4.0, mode="bilinear")


class Siggraph17(nn.Module):
    """The same trunk as a U-Net of ten blocks, with hints beside the lightness."""

    def __init__(self) -> None:
        super().__init__()
        wide, far = (512, 512, 1, 1), (512, 512, 1, 2)
        self.down = nn.ModuleList(
            [
                convs([(4, 64, 1, 1), (64, 64, 1, 1)]),
                convs([(64, 128, 1, 1), (128, 128, 1, 1)]),
                convs([(128, 256, 1, 1), (256, 256, 1, 1), (256, 256, 1, 1)]),
                convs([(256, 512, 1, 1), wide, wide]),
            ]
        )
        self.middle = nn.Sequential(convs([far] * 3), convs([far] * 3), convs([wide] * 3))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in ((512, 256), (256, 128), (128, 128))
        )
        self.skip = nn.ModuleList(
            nn.Conv2d(a, b, 3, 1, 1) for a, b in ((256, 256), (128, 128), (64, 128))
        )
        self.joined = nn.ModuleList(
            [
                convs([(256, 256, 1, 1), (256, 256, 1, 1)]),
                convs([(128, 128, 1, 1)]),
                nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1), nn.LeakyReLU(0.2)),
            ]
        )
        self.classes = nn.Conv2d(256, 529, 1)  # of training; not computed for a picture
        self.out = nn.Conv2d(128, 2, 1)

    def forward(self, light: Tensor) -> Tensor:
        """(N, 1, H, W) to (N, 2, H, W)."""
        hidden = torch.cat([light, torch.zeros_like(light).expand(-1, 3, -1, -1)], dim=1)
        kept = []
        for number, block in enumerate(self.down):
            hidden = block(hidden if number == 0 else hidden[:, :, ::2, ::2])
            kept.append(hidden)
        hidden = self.middle(hidden)
        for up, skip, joined, old in zip(self.up, self.skip, self.joined, kept[2::-1], strict=True):
            hidden = joined(F.relu(up(hidden) + skip(old)))
        result: Tensor = torch.tanh(self.out(hidden))
        return result


class Residual(nn.Module):
    """A block of ResNet (arXiv 1512.03385): two 3x3, or 1x1, 3x3, 1x1 of a quarter the width."""

    def __init__(self, channels_in: int, width: int, stride: int, *, deep: bool) -> None:
        super().__init__()
        out = 4 * width if deep else width
        rows = [(channels_in, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        rows = rows if deep else [(channels_in, width, 3, stride), (width, out, 3, 1)]
        layers: list[nn.Module] = []
        for a, b, kernel, step in rows:
            layers += [
                nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers[:-1])
        self.short: nn.Module = nn.Identity()
        if stride != 1 or channels_in != out:
            self.short = nn.Sequential(
                nn.Conv2d(channels_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, features: Tensor) -> Tensor:
        """Half the size where the stride is 2."""
        return F.relu(self.body(features) + self.short(features))


class ResNet(nn.Module):
    """The five scales of a ResNet; without its classifier."""

    def __init__(self, depths: Sequence[int], *, deep: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()
        )
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList()
        self.widths = [64]
        channels = 64
        for number, depth in enumerate(depths):
            width, blocks = 64 << number, []
            for index in range(depth):
                stride = 2 if index == 0 and number else 1
                blocks.append(Residual(channels, width, stride, deep=deep))
                channels = 4 * width if deep else width
            self.stages.append(nn.Sequential(*blocks))
            self.widths.append(channels)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(N, 3, H, W) to maps at 1/2, 1/4, 1/8, 1/16 and 1/32."""
        maps = [self.stem(picture)]
        hidden = self.pool(maps[0])
        for stage in self.stages:
            hidden = stage(hidden)
            maps.append(hidden)
        return maps


class Attention(nn.Module):
    """Self-attention of all places of a map (arXiv 1805.08318), as fastai has it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """As large as before."""
        flat = features.flatten(2)
        weights = torch.softmax(self.query(flat).transpose(1, 2) @ self.key(flat), dim=1)
        result: Tensor = (self.gamma * (self.value(flat) @ weights) + flat).view_as(features)
        return result


def custom(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    """DeOldify's layer: convolution (spectral norm folded in), ReLU, batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, 1, kernel // 2, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(channels_out),
    )


class Shuffled(nn.Module):
    """A larger map by pixel shuffle, blurred (arXiv 1707.02937)."""

    def __init__(
        self, channels_in: int, channels_out: int, *, norm: bool = True, scale: int = 2
    ) -> None:
        super().__init__()
        self.scale = scale
        wide = scale**2 * channels_out
        conv = nn.Conv2d(channels_in, wide, 1, bias=not norm)
        self.conv = nn.Sequential(conv, *([nn.BatchNorm2d(wide)] if norm else []))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', 2H, 2W), or another scale."""
        larger = F.relu(F.pixel_shuffle(self.conv(features), self.scale))
        return F.avg_pool2d(F.pad(larger, (1, 0, 1, 0), mode="replicate"), 2, 1)


class DeOldify(nn.Module):
    """fastai's U-Net: artistic is deep (widths grow inwards), stable is wide (all the same).

    Args:
        depths: blocks of each stage of the ResNet.
        deep: whether they are bottlenecks, as in ResNet-101.
        widths: channels of the four decoder blocks.
        joined: how many 3x3 layers a block has behind the skip.
    """

    def __init__(
        self, depths: Sequence[int], *, deep: bool, widths: Sequence[int], joined: int
    ) -> None:
        super().__init__()
        self.encoder = ResNet(depths, deep=deep)
        inner = self.encoder.widths[-1]
        self.norm = nn.BatchNorm2d(inner)
        self.middle = nn.Sequential(custom(inner, 2 * inner), custom(2 * inner, inner))
        self.up, self.skip, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = inner
        for number, (width, old) in enumerate(
            zip(widths, self.encoder.widths[-2::-1], strict=True)
        ):
            half = width if joined == 1 else channels // 2
            self.up.append(Shuffled(channels, half))
            self.skip.append(nn.BatchNorm2d(old))
            rows = [custom(half + old, width)]
            rows += [custom(width, width) for _ in range(joined - 1)]
            attention = [Attention(width)] if number == 1 else []
            self.join.append(nn.Sequential(*rows, *attention))
            channels = width
        self.last = Shuffled(channels, channels, norm=False)
        end = channels + 3
        self.cross = nn.Sequential(
            nn.Conv2d(end, end, 3, 1, 1), nn.ReLU(), nn.Conv2d(end, end, 3, 1, 1)
        )
        self.out = nn.Conv2d(end, 3, 1)

    def forward(self, light: Tensor) -> Tensor:
        """Lightness three times as colour, (N, 1, H, W), to RGB (N, 3, H, W)."""
        picture = light.expand(-1, 3, -1, -1)
        maps = self.encoder(picture)
        hidden = self.middle(F.relu(self.norm(maps[-1])))
        for up, skip, join, old in zip(self.up, self.skip, self.join, maps[-2::-1], strict=True):
            larger = F.interpolate(up(hidden), size=old.shape[-2:])  # of odd maps; else the same
            hidden = join(F.relu(torch.cat([larger, skip(old)], dim=1)))
        hidden = torch.cat([self.last(hidden), picture], dim=1)
        hidden = hidden + F.relu(self.cross(hidden))
        return torch.sigmoid(self.out(hidden))


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, norm, four times as wide and back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels)
        self.mix = nn.Sequential(
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
        )
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """As large as before."""
        mixed = self.scale * self.mix(self.spatial(features).permute(0, 2, 3, 1))
        result: Tensor = features + mixed.permute(0, 3, 1, 2)
        return result


class Norm(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def forward(self, features: Tensor) -> Tensor:
        """As large as before."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ColourLayer(nn.Module):
    """Queries look at a map, at each other, and think: a decoder layer of Mask2Former."""

    def __init__(self, width: int = 256, heads: int = 8, inner: int = 2048) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.own = nn.MultiheadAttention(width, heads, batch_first=True)
        self.think = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(self, queries: Tensor, places: Tensor) -> Tensor:
        """(N, Q, C) and (N, H W, C) to (N, Q, C)."""
        found = self.cross(queries, places, places, need_weights=False)[0]
        queries = self.norms[0](queries + found)
        found = self.own(queries, queries, queries, need_weights=False)[0]
        queries = self.norms[1](queries + found)
        result: Tensor = self.norms[2](queries + self.think(queries))
        return result


class DDColor(nn.Module):
    """ConvNeXt, a pixel decoder, and 100 colour queries over three of its scales.

    Positional embeddings are left out: they are added once and take no time to speak of.
    """

    def __init__(self, depths: Sequence[int], widths: Sequence[int], *, queries: int = 100) -> None:
        super().__init__()
        self.down, self.stages, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = 3
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            self.down.append(
                nn.Sequential(Norm(before, eps=1e-6), nn.Conv2d(before, width, 2, 2))
                if number
                else nn.Sequential(nn.Conv2d(3, width, 4, 4), Norm(width, eps=1e-6))
            )
            self.stages.append(nn.Sequential(*(ConvNextBlock(width) for _ in range(depth))))
            self.norms.append(Norm(width, eps=1e-6))
            before = width
        self.up, self.skip, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = before
        for old, width in zip(widths[-2::-1], (512, 512, 256), strict=True):
            self.up.append(Shuffled(channels, width))
            self.skip.append(nn.BatchNorm2d(old))
            self.join.append(custom(width + old, width))
            channels = width
        self.last = Shuffled(256, 256, norm=False, scale=4)
        self.queries = nn.Parameter(torch.randn(2, queries, 256))
        self.levels = nn.Parameter(torch.randn(3, 256))
        self.project = nn.ModuleList(
            [nn.Conv2d(512, 256, 1), nn.Conv2d(512, 256, 1), nn.Identity()]
        )
        self.layers = nn.ModuleList(ColourLayer() for _ in range(9))
        self.norm = nn.LayerNorm(256)
        self.embed = nn.Sequential(
            *(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
        )
        self.out = nn.Conv2d(queries + 3, 2, 1)

    def forward(self, light: Tensor) -> Tensor:
        """Lightness three times as colour, (N, 1, H, W), to a*b* (N, 2, H, W)."""
        picture = hidden = light.expand(-1, 3, -1, -1)
        maps = []
        for down, stage, norm in zip(self.down, self.stages, self.norms, strict=True):
            hidden = stage(down(hidden))
            maps.append(norm(hidden))
        hidden, scales = maps[-1], []
        for up, skip, join, old in zip(self.up, self.skip, self.join, maps[-2::-1], strict=True):
            hidden = join(F.relu(torch.cat([up(hidden), skip(old)], dim=1)))
            scales.append(hidden)
        pixels = self.last(hidden)
        places = [
            project(scale).flatten(2).transpose(1, 2) + level
            for project, scale, level in zip(self.project, scales, self.levels, strict=True)
        ]
        queries = self.queries.sum(0)[None].expand(len(light), -1, -1)
        for number, layer in enumerate(self.layers):
            queries = layer(queries, places[number % 3])
        shares = torch.einsum("nqc,nchw->nqhw", self.embed(self.norm(queries)), pixels)
        result: Tensor = self.out(torch.cat([shares, picture], dim=1))
        return result
