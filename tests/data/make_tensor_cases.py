"""Writes tensor_cases.json: tensors as torch.save lays them out, and what PyTorch makes of them.

    pip install torch torchvision && python make_tensor_cases.py

The tensors are small, or views whose few numbers are repeated by their strides, so that each file takes a kilobyte or
two. The network is the ResNet18 of make_network_cases.py.
"""

import base64
import io
import json
import pathlib

import torch
import torchvision
from make_network_cases import tensor, values

network = torchvision.models.resnet18(num_classes=2)
network.load_state_dict(
    {k: v if k.endswith("tracked") else tensor(k, v.shape) for k, v in network.state_dict().items()}
)

NUMBERS = torch.from_numpy((4 * values("tensor file", 1200)).astype("float32"))
# As the network takes it: 3×224×224 out of 907 numbers.
FULL = NUMBERS[5:912].as_strided((3, 224, 224), (7, 3, 1), 5)
SMALL = NUMBERS[:90].reshape(3, 5, 6).clone()
LEVELS = ((SMALL + 2) * 63).to(torch.uint8)


def saved(value, legacy=False):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return base64.b64encode(buffer.getvalue()).decode()


def plain(values):
    """Nine digits, which tell any two numbers of single precision apart."""
    return [float(f"{value:.9g}") for value in values.double().flatten().tolist()]


def case(name, value, picture, legacy=False):
    return {
        "name": name,
        "file": saved(value, legacy),
        "shape": list(picture.shape),
        "values": plain(picture),
    }


def seen(name, picture):
    """What the network takes, at some places, and what it says."""
    photo = picture if picture.dim() == 4 else picture[None]
    if photo.shape[2:] != (224, 224):
        # In double precision: in single, the filter's own weights are rounded.
        size = {"size": (224, 224), "mode": "bilinear", "antialias": True}
        photo = torch.nn.functional.interpolate(photo.double(), **size).float()
    network.eval()
    with torch.no_grad():
        p = torch.softmax(network(photo), 1)[0, 1].item()
    return {"name": name, "file": saved(picture), "every_997th": plain(photo.flatten()[::997]), "p_positive": p}


cases = [
    case("float32", SMALL, SMALL),
    case("float16", SMALL.half(), SMALL.half()),
    case("bfloat16", SMALL.bfloat16(), SMALL.bfloat16()),
    case("float64", SMALL.double(), SMALL.double()),
    case("uint8", LEVELS, LEVELS),
    case("batch of one", SMALL[None], SMALL[None]),
    case("part of a batch", torch.stack([SMALL, SMALL + 1])[1], SMALL + 1),
    case("with a label", (SMALL, 1), SMALL),
    case("with a tensor as label", (SMALL, torch.tensor(1)), SMALL),
    case("as a list", [SMALL, 0.0], SMALL),
    case("needs gradients", SMALL.clone().requires_grad_(), SMALL),
    case("legacy", SMALL, SMALL, legacy=True),
    case("legacy float64", SMALL.double(), SMALL.double(), legacy=True),
    case("legacy uint8", LEVELS, LEVELS, legacy=True),
    case("legacy with a tensor as label", (SMALL, torch.tensor([1])), SMALL, legacy=True),
    case("legacy view", SMALL[:, 1:4, ::2], SMALL[:, 1:4, ::2], legacy=True),
]
refused = [
    {"name": "batch", "file": saved(torch.stack([SMALL] * 4)), "says": "a batch of 4 pictures (4×3×5×6) in one file"},
    {"name": "legacy batch", "file": saved(torch.stack([SMALL] * 4), True), "says": "a batch of 4 pictures"},
    {
        "name": "batch with labels",
        "file": saved((torch.stack([SMALL] * 4), torch.ones(4).long())),
        "says": "a batch of 4 pictures (4×3×5×6) in one file",
    },
    {"name": "channels last", "file": saved(SMALL.permute(1, 2, 0)), "says": "5×6×3 has its channels last"},
    {"name": "grey", "file": saved(SMALL[0]), "says": "a tensor of 5×6 is not a picture"},
    {"name": "weights", "file": saved(torch.nn.Linear(2, 2).state_dict()), "says": "a dictionary, such as a model's"},
    {"name": "legacy weights", "file": saved({"a": SMALL}, True), "says": "a dictionary, such as a model's weights"},
    {"name": "two", "file": saved([SMALL, SMALL]), "says": "a list of 2 values, 2 of them tensors"},
    {"name": "whole numbers", "file": saved(LEVELS.long()), "says": "a tensor of whole numbers is not a picture"},
    {"name": "a model", "file": saved(torch.nn.Linear(2, 2)), "says": "asks for torch.nn.modules.linear.Linear"},
    {"name": "a legacy number", "file": saved(7, True), "says": "something else, not one tensor"},
]
inputs = [
    seen("as it is", FULL),
    seen("batch of one", FULL[None]),
    seen("larger and smaller", NUMBERS.as_strided((3, 300, 150), (11, 2, 3))),
    seen("much larger", NUMBERS.as_strided((3, 500, 680), (4, 1, 1))),
    seen("small", SMALL),
]
document = {"torch": torch.__version__, "cases": cases, "refused": refused, "inputs": inputs}
lines = lambda key: f' "{key}": [\n' + ",\n".join("  " + json.dumps(case) for case in document[key]) + "\n ]"
text = f'{{\n "torch": "{torch.__version__}",\n' + ",\n".join(map(lines, ("cases", "refused", "inputs"))) + "\n}"
pathlib.Path(__file__).with_name("tensor_cases.json").write_text(text + "\n")
