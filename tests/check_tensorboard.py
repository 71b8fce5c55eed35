"""Reads the event file of a run folder with TensorBoard's own reader and holds it against the run's other files.

    python tests/check_tensorboard.py RUN        # needs tensorboard; ends with status 77 where there is none

Every scalar is compared with results.csv, the histograms with model.safetensors, the pictures with the plots and with
misclassified.csv.
"""

import csv
import json
import struct
import sys
from pathlib import Path

try:
    import numpy as np
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as missing:
    print(f"skipped: {missing}; `pip install tensorboard` brings it")
    sys.exit(77)

MOST_ERRORS = 16
SCALARS = {
    "loss/train": "train_loss",
    "loss/validation": "val_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "val_accuracy",
    "learning_rate": "learning_rate",
}


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def head(path):
    """Metadata of a model, and weight and bias of its head, which torchvision calls `fc` or `classifier.1`."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])

    def tensor(kind):
        (entry,) = (header[name] for name in (f"fc.{kind}", f"classifier.1.{kind}") if name in header)
        assert entry["dtype"] == "F32", entry
        begin, end = entry["data_offsets"]
        return np.frombuffer(data[8 + length + begin : 8 + length + end], "<f4")

    return header["__metadata__"], {kind: tensor(kind).astype(np.float64) for kind in ("weight", "bias")}


def check_scalars(events, results):
    expected = {tag: column for tag, column in SCALARS.items() if results[0][column] != ""}
    assert set(events.Tags()["scalars"]) == set(expected), events.Tags()["scalars"]
    for tag, column in expected.items():
        found = events.Scalars(tag)
        assert [event.step for event in found] == [int(row["epoch"]) for row in results], tag
        wanted = [np.float32(row[column]) for row in results]
        assert [np.float32(event.value) for event in found] == wanted, tag
        assert all(a.wall_time <= b.wall_time for a, b in zip(found, found[1:])), tag
    return len(expected) * len(results)


def check_histograms(events, results, run):
    metadata, tensors = head(run / "model.safetensors")
    best = int(metadata["epoch"])
    assert set(events.Tags()["histograms"]) == {"head/weight", "head/bias"}, events.Tags()["histograms"]
    for kind, values in tensors.items():
        tag = f"head/{kind}"
        found = {event.step: event.histogram_value for event in events.Histograms(tag)}
        assert list(found) == [int(row["epoch"]) for row in results], tag
        for histogram in found.values():
            assert histogram.num == sum(histogram.bucket) == values.size, tag
        histogram = found[best]
        assert (histogram.min, histogram.max) == (values.min(), values.max()), tag
        assert np.isclose(histogram.sum, values.sum(), atol=1e-9), tag
        assert np.isclose(histogram.sum_squares, (values**2).sum()), tag
        counts, _ = np.histogram(values, [values.min(), *histogram.bucket_limit])
        assert counts.tolist() == histogram.bucket, tag
    return 2 * len(results), best


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"
    return struct.unpack_from(">II", data, 16)


def check_images(events, run, best):
    tags = events.Tags()["images"]
    for tag in tags:
        (image,) = events.Images(tag)
        assert image.step == best, tag
        assert png_size(image.encoded_image_string) == (image.width, image.height), tag
    plots = {f"plots/{name}" for name in ("curves", "confusion", "roc") if (run / f"{name}.png").exists()}
    assert plots == {tag for tag in tags if tag.startswith("plots/")}, tags
    for tag in plots:
        assert events.Images(tag)[0].encoded_image_string == (run / f"{tag[6:]}.png").read_bytes(), tag
    wrong = [row for row in table(run / "misclassified.csv") if row["split"] == "validation"][:MOST_ERRORS]
    expected = {
        f"errors/{'false_negative' if row['true_label'] == 'Positive' else 'false_positive'}/{number:02} {row['file']}": row
        for number, row in enumerate(wrong, 1)
    }
    assert set(expected) == set(tags) - plots, tags
    for tag, row in expected.items():
        (image,) = events.Images(tag)
        assert 0 < max(image.width, image.height) <= 160, tag
        description = events.SummaryMetadata(tag).summary_description
        assert description.startswith(f"`{row['file']}`: probability of being cracked "), description
    return len(tags), len(expected)


def main():
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "model.safetensors").is_file():
        sys.exit("usage: python tests/check_tensorboard.py RUN, the folder of a finished run")
    run = Path(sys.argv[1])
    # 0: keep all of each kind.
    events = EventAccumulator(str(run), {"scalars": 0, "histograms": 0, "images": 0}).Reload()
    results = table(run / "results.csv")
    scalars = check_scalars(events, results)
    histograms, best = check_histograms(events, results, run)
    images, errors = check_images(events, run, best)
    print(f"{len(results)} epochs: {scalars} scalars, {histograms} histograms, {images} pictures, {errors} of them errors")


main()
