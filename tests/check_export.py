"""Compares what `crackscope export` writes with what the program itself says of photos.

    python check_export.py CRACKSCOPE FOLDER RUN...

CRACKSCOPE is the program, FOLDER holds photos, a RUN is a run folder, a model file or `bundled`. Exports each model as
.safetensors and as .onnx with and without normalisation, and has PyTorch and ONNX Runtime look at the photos: their
logits must agree to 1e-4, and so must their probabilities with the program's. Prints a line for each RUN and ends with
0 where all holds, and with 77 where a package is missing.

    pip install torch torchvision onnx onnxruntime safetensors pillow
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    import onnxruntime
    import torch
    import torchvision
    from PIL import Image
    from safetensors import safe_open
    from safetensors.torch import load_file, load_model
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TOLERANCE = 1e-4
MOST = 16


def run(*arguments):
    subprocess.run([str(argument) for argument in arguments], check=True, stdout=subprocess.DEVNULL)


def close(what, got, expected):
    """The largest difference, which must be small."""
    got, expected = numpy.asarray(got), numpy.asarray(expected)
    assert got.shape == expected.shape, f"{what}: {got.shape} instead of {expected.shape}"
    difference = float(numpy.abs(got - expected).max())
    assert difference <= TOLERANCE, f"{what} differ by {difference}"
    return difference


def pixels(path):
    """A photo as the network takes it, but for normalisation: (3, 224, 224), 0 to 255."""
    photo = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
    return numpy.asarray(photo).transpose(2, 0, 1)


def pytorch_logits(file, photos):
    """Of a strict load, by both ways that safetensors offers."""
    notes = safe_open(file, "pt").metadata()
    assert notes["classes"] == "Negative,Positive" and notes["input_size"] == "224", notes
    assert 0 < float(notes["threshold"]) < 1, notes
    tensors = load_file(file)
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    make = getattr(torchvision.models, notes["backbone"])
    network, other = make(num_classes=2), make(num_classes=2)
    network.load_state_dict(tensors, strict=True)
    assert not any(load_model(other, file, strict=True)), "missing or unexpected tensors"
    network.eval()
    with torch.no_grad():
        return notes, network(photos).numpy()


def onnx_outputs(file, photos, normalisation, notes):
    """Logits and probabilities, in batches of one and of five."""
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    said = {entry.key: entry.value for entry in model.metadata_props}
    for key in ("backbone", "classes", "threshold", "input_size", "mean", "std"):
        assert said[key] == notes[key], (key, said)
    assert said["normalisation"] == normalisation, said
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == ["logits", "p_positive"]
    outputs = []
    for batch in (1, 5):
        parts = [photos[begin : begin + batch] for begin in range(0, len(photos), batch)]
        logits, p_positive = zip(*(session.run(None, {"photos": part}) for part in parts))
        outputs.append((numpy.concatenate(logits), numpy.concatenate(p_positive)))
    return outputs


def check(crackscope, folder, model):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        shared = ("--quiet", "--cache", scratch / "cache")
        table = scratch / "predictions.csv"
        run(crackscope, "classify", model, folder, "--csv", table, "--device", "cpu", "--precision", "f32", *shared)
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))[:MOST]
        own = numpy.array([float(row["p_positive"]) for row in rows])

        plain, whole = scratch / "plain", scratch / "whole"
        run(crackscope, "export", model, "--to", plain, "--safetensors", "--onnx", *shared)
        run(crackscope, "export", model, "--to", whole, "--onnx-normalize", *shared)
        assert sorted(file.name for file in plain.iterdir()) == ["model.onnx", "model.safetensors"]

        raw = numpy.stack([pixels(pathlib.Path(folder) / row["file"]) for row in rows])
        normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        photos = normalise(torch.from_numpy(raw) / 255)
        notes, expected = pytorch_logits(str(plain / "model.safetensors"), photos)
        probabilities = torch.from_numpy(expected).softmax(1)[:, 1].numpy()
        largest = {"program": close("the program's probabilities", own, probabilities)}
        for kind, file, taken, normalisation in (
            ("onnx", plain, photos.numpy(), "before the model"),
            ("onnx with normalisation", whole, raw, "in the model"),
        ):
            outputs = onnx_outputs(str(file / "model.onnx"), taken, normalisation, notes)
            logits = [close(f"logits of {kind}", logits, expected) for logits, _ in outputs]
            p = [close(f"probabilities of {kind}", p_positive, probabilities) for _, p_positive in outputs]
            largest[kind] = max(*logits, *p)
        spread = float(probabilities.max() - probabilities.min())
        print(json.dumps({"backbone": notes["backbone"], "photos": len(rows), "spread": spread, "largest": largest}))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    crackscope, folder, *runs = sys.argv[1:]
    for model in runs:
        check(crackscope, folder, model)
