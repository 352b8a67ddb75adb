"""An image beside the bars of its likeliest classes, as a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 320  # pixels of the image; enlarged without smoothing, so that one sees what the network sees
MARGIN = 16
BARS = 380  # pixels of a bar of probability 1
BLUE, GRAY, INK = (70, 120, 180), (225, 228, 232), (30, 30, 30)


def write(path: Path, image: NDArray[np.uint8], likeliest: Sequence[tuple[str, float]]) -> None:
    """Draw and save it.

    Args:
        path: of the PNG file.
        image: [C, H, W], C 1 or 3.
        likeliest: names and probabilities, the likeliest first.
    """
    canvas = Image.new("RGB", (SIDE + BARS + 3 * MARGIN, SIDE + 2 * MARGIN), "white")
    pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    canvas.paste(
        Image.fromarray(np.ascontiguousarray(pixels)).resize((SIDE, SIDE), Image.Resampling.NEAREST), (MARGIN,) * 2
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=16)
    row = SIDE / len(likeliest)
    left = SIDE + 2 * MARGIN
    for number, (name, probability) in enumerate(likeliest):
        top = MARGIN + number * row + row / 2 - 22
        draw.text((left, top), f"{name}  {probability:.1%}", fill=INK, font=font)
        draw.rectangle((left, top + 24, left + BARS, top + 40), fill=GRAY)
        draw.rectangle((left, top + 24, left + max(1, round(BARS * probability)), top + 40), fill=BLUE)
    canvas.save(path)
