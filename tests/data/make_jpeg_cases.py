"""Writes jpeg_cases.json: small JPEGs of a picture made by formula, and what Pillow, with libjpeg-turbo, decodes.

    python tests/data/make_jpeg_cases.py        # needs Pillow

Each file is in base64. Of the pixels, height × width × RGB, the first 16 digits of the SHA-256 are kept, for the whole
picture and for those reduced to a half, a quarter and an eighth.
"""

import base64
import hashlib
import io
import json
from pathlib import Path

from PIL import Image, __version__, features

# Two blocks of 16 each way, cut at the right and at the bottom.
WIDTH, HEIGHT = 21, 18


def level(x, y, channel):
    """Slopes, an edge and some texture, differing between channels."""
    edge = 90 if (x + channel * 3) // 11 % 2 else 0
    return (x * (3 + channel) + y * (5 - channel) + x * y % 5 * 3 + edge + channel * 40) % 256


def picture(mode):
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    image = Image.new(mode, (WIDTH, HEIGHT))
    values = [tuple(level(x, y, c) for c in range(channels)) for y in range(HEIGHT) for x in range(WIDTH)]
    image.putdata([value[0] for value in values] if channels == 1 else values)
    return image


def encoded(mode, **options):
    file = io.BytesIO()
    picture(mode).save(file, "JPEG", optimize=True, **options)
    return file.getvalue()


def as_ycck(cmyk):
    """The same coefficients, declared as YCCK in the last byte of the Adobe segment."""
    at = cmyk.index(b"Adobe") + 11
    return cmyk[:at] + b"\2" + cmyk[at + 1 :]


files = {
    "4:2:0": encoded("RGB", quality=75, subsampling="4:2:0"),
    "4:2:2": encoded("RGB", quality=60, subsampling="4:2:2"),
    "4:4:4": encoded("RGB", quality=90, subsampling="4:4:4"),
    "4:2:0, restarts": encoded("RGB", quality=75, subsampling="4:2:0", restart_marker_rows=1),
    "progressive 4:2:0": encoded("RGB", quality=75, subsampling="4:2:0", progressive=True),
    "progressive 4:4:4": encoded("RGB", quality=60, subsampling="4:4:4", progressive=True),
    "RGB": encoded("RGB", quality=75, keep_rgb=True),
    "grey": encoded("L", quality=75),
    "CMYK": encoded("CMYK", quality=40),
    "YCCK": as_ycck(encoded("CMYK", quality=40)),
}


def digest(file, reduction):
    image = Image.open(io.BytesIO(file))
    image.draft(None, (WIDTH // reduction, HEIGHT // reduction))
    assert image.width == -(-WIDTH // reduction)
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()[:16]


cases = [
    {
        "name": name,
        "jpeg": base64.b64encode(file).decode(),
        "sha256": {str(reduction): digest(file, reduction) for reduction in (1, 2, 4, 8)},
    }
    for name, file in files.items()
]
document = {
    "pillow": __version__,
    "libjpeg_turbo": features.version("libjpeg_turbo"),
    "width": WIDTH,
    "height": HEIGHT,
    "cases": cases,
}
Path(__file__).with_name("jpeg_cases.json").write_text(json.dumps(document, indent=0) + "\n")
