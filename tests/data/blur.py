"""The values of `photo::quality::tests::blur_is_what_scikit_image_says`, by scikit-image's blur_effect.

    python blur.py

Written for scikit-image 0.25 or newer and NumPy.
"""

import numpy as np
from skimage.color import rgb2gray
from skimage.measure import blur_effect


def picture(times):
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    value = lambda x, y: (x * 37 + y * 91 + (x * y) % 53) % 256
    photo = np.stack([value(x, y), value(y, x), value(x + y, y)], axis=-1).astype(np.int64)
    for _ in range(times):
        padded = np.pad(photo, ((1, 1), (1, 1), (0, 0)), mode="edge")
        photo = (
            padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] + padded[1:-1, 1:-1]
        ) // 5
    return photo.astype(np.uint8)


for times in (0, 2, 6):
    print(times, blur_effect(rgb2gray(picture(times)), h_size=11))
