"""Writes resize_case.json: a small picture made by formula, and what Pillow's antialiased bilinear filter makes of it.

    python tests/data/make_resize_case.py        # needs Pillow
"""

import json
from pathlib import Path

from PIL import Image, __version__

WIDTH, HEIGHT = 37, 23
SIZES = [(16, 16), (64, 40), (11, 23), (1, 1), (37, 5), (50, 7), (36, 16), (34, 17)]


def level(x, y, channel):
    """The same formula stands in the test."""
    return (x * x * 7 + y * 13 * (channel + 1) + x * y * 5 + 31 * channel) % 256


picture = Image.new("RGB", (WIDTH, HEIGHT))
picture.putdata([tuple(level(x, y, c) for c in range(3)) for y in range(HEIGHT) for x in range(WIDTH)])
cases = [
    {"width": w, "height": h, "rgb": list(picture.resize((w, h), Image.Resampling.BILINEAR).tobytes())}
    for w, h in SIZES
]
document = {"pillow": __version__, "width": WIDTH, "height": HEIGHT, "cases": cases}
Path(__file__).with_name("resize_case.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
