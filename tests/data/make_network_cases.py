"""Writes resnet18_case.json and mobilenet_v2_case.json: what torchvision's networks make of weights and photos that a
formula gives.

    pip install torch torchvision && python make_network_cases.py

The formula is that of `parity.rs`: a hash of the place of each value, so that no weights need to be stored.
"""

import json
import pathlib
import zlib

import numpy
import torch
import torchvision


def values(name, count):
    """Even between -1/2 and 1/2 (lowbias32 of the place, offset by the name's CRC-32)."""
    x = (numpy.arange(count, dtype=numpy.uint64) + zlib.crc32(name.encode())).astype(numpy.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> numpy.uint32(shift)
        x *= numpy.uint32(factor)
    x ^= x >> numpy.uint32(16)
    return x.astype(numpy.float64) / 2**32 - 0.5


def tensor(name, shape):
    v = values(name, int(numpy.prod(shape)))
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        v = 1 + v
    elif len(shape) == 4:
        gain = 4 if shape[1] == 1 else 1.2
        v *= gain * (6 / numpy.prod(shape[1:])) ** 0.5
    elif len(shape) == 2:
        v *= 0.2
    return torch.from_numpy(v.astype(numpy.float32).reshape(shape))


photos = torch.from_numpy((4 * values("photos", 2 * 3 * 72 * 56)).astype(numpy.float32).reshape(2, 3, 72, 56))
classes = torch.tensor([1, 0])


def adam_losses(logits, parameters, rate, steps):
    """Losses of steps of Adam."""
    adam = torch.optim.Adam(parameters, lr=rate)
    losses = []
    for _ in range(steps):
        adam.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits(), classes)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses


def gradients(network):
    """Of the loss: for each parameter their length, and their sum weighted by the formula."""
    network.zero_grad()
    torch.nn.functional.cross_entropy(network(photos), classes).backward()
    weighted = lambda name, g: (g.double().flatten() @ torch.from_numpy(values("gradient " + name, g.numel()))).item()
    return {name: [p.grad.norm().item(), weighted(name, p.grad)] for name, p in network.named_parameters()}


def case(network, backbone, first_norm):
    network.load_state_dict(
        {k: v if k.endswith("tracked") else tensor(k, v.shape) for k, v in network.state_dict().items()}
    )
    network.eval()
    with torch.no_grad():
        last = backbone(photos)
        features = last.mean((2, 3))
        logits = network(photos)

    head = torch.nn.Linear(features.shape[1], 2)
    torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    losses = adam_losses(lambda: head(features), head.parameters(), 1e-4, 10)

    frozen_gradients = gradients(network)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    network.train()
    with torch.no_grad():
        trained = torch.nn.functional.cross_entropy(network(photos), classes).item()
    running = [statistics[:8].tolist() for statistics in (first_norm.running_mean, first_norm.running_var)]
    network.load_state_dict(state)
    batch_gradients = gradients(network)

    network.load_state_dict(state)
    network.eval()
    all_losses = adam_losses(lambda: network(photos), network.parameters(), 1e-5, 5)

    return {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "maps_shape": list(last.shape),
        "features_first8": features[:, :8].tolist(),
        "features_l2": features.norm(dim=1).tolist(),
        "logits": logits.tolist(),
        "adam_losses_head": losses,
        "batch_statistics_loss": trained,
        "running_mean_first8": running[0],
        "running_var_first8": running[1],
        "frozen_gradients": frozen_gradients,
        "batch_gradients": batch_gradients,
        "adam_losses_all": all_losses,
    }


def write(name, case):
    pathlib.Path(__file__).with_name(f"{name}_case.json").write_text(json.dumps(case, indent=1) + "\n")


if __name__ == "__main__":  # make_tensor_cases.py takes the formula from here
    resnet = torchvision.models.resnet18(num_classes=2)
    write("resnet18", case(resnet, torch.nn.Sequential(*list(resnet.children())[:-2]), resnet.bn1))
    mobilenet = torchvision.models.mobilenet_v2(num_classes=2, dropout=0.0)
    write("mobilenet_v2", case(mobilenet, mobilenet.features, mobilenet.features[0][1]))
