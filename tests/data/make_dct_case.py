"""Writes dct_case.json: the low end of SciPy's cosine transform of a formula's 32 x 32 values."""

import json
import pathlib

import numpy
from scipy.fft import dctn

i, j = numpy.mgrid[0:32, 0:32]
values = dctn(((7 * i + 3 * j + i * j) % 50).astype(float), norm="ortho")[:16, :16]
rounded = [round(float(value), 6) for value in values.ravel()]
pathlib.Path(__file__).with_name("dct_case.json").write_text(json.dumps({"values": rounded}) + "\n")
