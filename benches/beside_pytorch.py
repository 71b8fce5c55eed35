"""ResNet18 at 224 x 224 in CrackScope and in PyTorch on one device: photos a second, in turn, medians of the rounds.

    python benches/beside_pytorch.py CRACKSCOPE [--device cuda] [--rounds 3] [--seconds 5]

Features of one photo and of 32, and a training step of all layers with 32 (batch statistics, cross-entropy, gradients,
Adam). Both begin with pixels in the host's memory and end with the result there. PyTorch computes in single precision
without TF32, as the program does, and for the line beside it in bf16 with channels last. For a GPU, build the program
with `--features cuda`. Prints a line of JSON for each figure. Nothing else should run meanwhile.

    pip install torch torchvision
"""

import argparse
import json
import statistics
import subprocess
import time

import torch
import torchvision

NAMES = ("forward_f32_b1", "forward_f32_b32", "forward_bf16_b32", "train_step_b32")


def rate(photos, seconds, work):
    """Photos a second, the median over calls for about `seconds` after one that does not count."""
    work()
    begun, took = time.perf_counter(), []
    while len(took) < 3 or time.perf_counter() - begun < seconds:
        call = time.perf_counter()
        work()
        took.append(time.perf_counter() - call)
    return photos / statistics.median(took)


class Forward:
    def __init__(self, device, dtype, photos):
        self.device, self.dtype = device, dtype
        self.layout = torch.channels_last if dtype == torch.bfloat16 else torch.contiguous_format
        network = torchvision.models.resnet18(weights=None)
        network.fc = torch.nn.Identity()
        self.network = network.eval().to(device, dtype).to(memory_format=self.layout)
        self.photos = torch.rand(photos, 3, 224, 224)

    @torch.inference_mode()
    def __call__(self):
        self.network(self.photos.to(self.device, self.dtype, memory_format=self.layout)).float().cpu()


class Step:
    def __init__(self, device, photos):
        self.device = device
        self.network = torchvision.models.resnet18(num_classes=2).train().to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.photos, self.classes = torch.rand(photos, 3, 224, 224), torch.arange(photos) % 2

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        photos, classes = self.photos.to(self.device), self.classes.to(self.device)
        loss = torch.nn.functional.cross_entropy(self.network(photos), classes)
        loss.backward()
        self.optimizer.step()
        loss.item()
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def pytorch(device, seconds):
    works = (Forward(device, torch.float32, 1), Forward(device, torch.float32, 32), Forward(device, torch.bfloat16, 32), Step(device, 32))
    return {name: rate(1 if name.endswith("_b1") else 32, seconds, work) for name, work in zip(NAMES, works)}


def crackscope(program, device, seconds):
    command = [program, "bench", "--json", "--quiet", "--device", device.type, "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crackscope")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True

    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(crackscope(options.crackscope, options.device, options.seconds))
        theirs.append(pytorch(options.device, options.seconds))
    for name in NAMES:
        own = [figures[name] for figures in ours]
        own = statistics.median(own) if None not in own else None
        other = statistics.median(figures[name] for figures in theirs)
        line = {"figure": name, "device": ours[0]["device"], "crackscope": own, "pytorch": round(other, 1)}
        print(json.dumps(line | {"ratio": own and round(own / other, 2)}))
    print(json.dumps({"pytorch": torch.__version__, "threads": torch.get_num_threads(), "rounds": options.rounds}))


if __name__ == "__main__":
    main()
