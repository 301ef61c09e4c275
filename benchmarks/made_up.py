"""Made-up pages of print and clip art: the training set holds too few to measure rules by."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
_LETTERS = "aaabcdeeeefghiiijklmnooopqrssttuuvwxyz"


def page_of_print(seed: int) -> Pixels:
    """A page: paper, ink, size of letters, columns, margins and turn are drawn."""
    rng = np.random.default_rng(seed)
    width, height = int(rng.integers(500, 1000)), int(rng.integers(600, 1300))
    paper = np.array([246, 241, 228]) + rng.integers(-16, 9, 3)
    sheet = Image.new("RGB", (width, height), tuple(np.clip(paper, 0, 255).tolist()))
    draw, ink = ImageDraw.Draw(sheet), tuple(rng.integers(10, 70, 3).tolist())
    size = int(rng.integers(12, 30))
    font = ImageFont.load_default(size)
    columns, margin = int(rng.integers(1, 3)), int(rng.uniform(0.05, 0.14) * width)
    each = (width - margin * (columns + 1)) // columns
    step = round(size * rng.uniform(1.2, 1.7))
    for column in range(columns):
        left = margin + column * (each + margin)
        for top in range(margin, height - margin - step, step):
            if rng.random() < 0.08:  # between paragraphs
                continue
            line = ""
            while draw.textlength(line, font) < each * 0.9:
                line += "".join(rng.choice(list(_LETTERS), int(rng.integers(2, 10)))) + " "
            draw.text((left, top), line[: max(8, len(line) - 8)], fill=ink, font=font)
    turned = sheet.rotate(rng.uniform(-1, 1), Image.Resampling.BICUBIC, fillcolor=ink)
    edge = round(0.02 * width)
    return _as_published(turned.crop((edge, edge, width - edge, height - edge)), rng)


def clip_art(seed: int) -> Pixels:
    """Three to nine shapes in flat colours on a ground, with smooth edges."""
    rng = np.random.default_rng(seed)
    width, height = int(rng.integers(300, 800)), int(rng.integers(300, 800))
    ground = tuple(rng.integers(0, 256, 3).tolist())
    large = Image.new("RGB", (2 * width, 2 * height), ground)
    draw = ImageDraw.Draw(large)
    for _ in range(int(rng.integers(3, 10))):
        colour = tuple(rng.integers(0, 256, 3).tolist())
        x, y = rng.uniform(-0.1, 0.8, 2) * (2 * width, 2 * height)
        w, h = rng.uniform(0.2, 0.6, 2) * (2 * width, 2 * height)
        kind = rng.integers(3)
        outline = (0, 0, 0) if rng.random() < 0.4 else None
        if kind == 0:
            draw.ellipse((x, y, x + w, y + h), fill=colour, outline=outline, width=6)
        elif kind == 1:
            draw.rectangle((x, y, x + w, y + h), fill=colour, outline=outline, width=6)
        else:
            corners = [(x + w * a, y + h * b) for a, b in rng.random((int(rng.integers(3, 6)), 2))]
            draw.polygon(corners, fill=colour, outline=outline, width=6)
    return _as_published(large.resize((width, height), Image.Resampling.LANCZOS), rng)


def _as_published(picture: Image.Image, rng: np.random.Generator) -> Pixels:
    """As JPEGs of all qualities, or as PNG."""
    buffer = io.BytesIO()
    if rng.random() < 0.7:
        picture.save(buffer, "JPEG", quality=int(rng.integers(50, 96)))
        picture = Image.open(buffer)
    small = picture.convert("RGB")
    scale = 256 / min(small.size)
    side = (round(small.width * scale), round(small.height * scale))
    pixels: Pixels = np.asarray(small.resize(side, Image.Resampling.LANCZOS))
    return pixels
