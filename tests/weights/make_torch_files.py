"""Small files as torch.save writes them, and the same arrays as NumPy's: `torch_files/`, which the tests read.

In an environment of its own with PyTorch (torch==2.13.0 made those that are here), from the repository's root:

    python -m tests.weights.make_torch_files

A convolution, its norm and a head, so that the files stay small; `small_checkpoint.pth` is a whole network, as
timm's training script saves it, with the spec `SMALL` of `small_weight_files.py`.
"""

from __future__ import annotations

import argparse
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).with_name("torch_files")

#: All that the small network of `small_weight_files.SMALL` needs: name of a convolution -> shape, and its norm.
CONVOLUTIONS = {
    "conv1": (4, 3, 3, 3),
    "layer1.0.conv1": (4, 4, 1, 1), "layer1.0.conv2": (4, 4, 3, 3), "layer1.0.conv3": (8, 4, 1, 1),
    "layer1.0.downsample.0": (8, 4, 1, 1),
    "layer2.0.conv1": (8, 8, 1, 1), "layer2.0.conv2": (8, 8, 3, 3), "layer2.0.conv3": (16, 8, 1, 1),
    "layer2.0.downsample.0": (16, 8, 1, 1),
    "layer2.1.conv1": (8, 16, 1, 1), "layer2.1.conv2": (8, 8, 3, 3), "layer2.1.conv3": (16, 8, 1, 1),
}  # fmt: skip


class Network(torch.nn.Module):
    """Layers enough for a state dict: nothing is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(2)
        self.fc = torch.nn.Linear(2, 3)


def small_network() -> OrderedDict[str, torch.Tensor]:
    """The tensors of the small network, with the counters of its norms."""
    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    for name, shape in CONVOLUTIONS.items():
        norm = name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        state[f"{name}.weight"] = torch.randn(shape)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(shape[0]) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    state["fc.weight"], state["fc.bias"] = torch.randn(3, 16), torch.randn(3)
    return state


def views() -> dict[str, torch.Tensor]:
    """Tensors that are not simply all of their storage, of every type."""
    whole = torch.arange(24, dtype=torch.float32)
    weight = torch.randn(4, 3, 2, 2)
    return {
        "shared.first": whole[:12].view(3, 4),
        "shared.transposed": whole[12:].view(3, 4).t(),
        "shared.every_second": whole[1::2],
        "channels_last": weight.contiguous(memory_format=torch.channels_last),
        "expanded": torch.tensor([1.5, 2.5])[:, None].expand(2, 3),
        "scalar": torch.tensor(0.25),
        "nothing": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "half": torch.randn(5).half(),
        "bfloat16": torch.randn(5).bfloat16(),
        "double": torch.randn(5).double(),
        "long": torch.tensor([2**40, -1]),
        "int": torch.tensor([1, -2], dtype=torch.int32),
        "short": torch.tensor([1, -2], dtype=torch.int16),
        "char": torch.tensor([1, -2], dtype=torch.int8),
        "byte": torch.tensor([1, 254], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "complex": torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64),
        "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
        "float8": torch.tensor([0.5, -2.0]).to(torch.float8_e4m3fn),
    }


def arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The same as NumPy sees them; types that it has not, as float32, which holds them."""
    found = {}
    for name, tensor in state.items():
        unknown = tensor.dtype in (torch.bfloat16, torch.float8_e4m3fn)
        found[name] = (tensor.float() if unknown else tensor).detach().numpy()
    return found


def trained() -> tuple[Network, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """A network after a step of Adam, so that the optimizer has a state."""
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    network.fc(network.bn1(network.conv1(torch.randn(2, 3, 4, 4))).mean((2, 3))).sum().backward()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    optimizer.step()
    scheduler.step()
    return network, optimizer, scheduler


def main() -> None:
    """Write every file anew."""
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)

    def save(name: str, value: object, **how: object) -> None:
        torch.save(value, FOLDER / name, **how)  # type: ignore[arg-type]

    state = views()
    save("views.pth", state)
    for protocol in (3, 4, 5):
        save(f"views_protocol{protocol}.pt", state, pickle_protocol=protocol)
    np.savez_compressed(FOLDER / "views.npz", **arrays(state))

    network, optimizer, scheduler = trained()
    plain = network.state_dict()
    np.savez_compressed(FOLDER / "network.npz", **arrays(plain))
    save("state_dict.pth", plain)
    save("parallel.pth", torch.nn.DataParallel(network).state_dict())
    save("compiled.bin", {f"_orig_mod.{name}": value for name, value in plain.items()})
    save("swa.pth", torch.optim.swa_utils.AveragedModel(network).state_dict())
    save("legacy.pth", plain, _use_new_zipfile_serialization=False)
    save("whole_module.pth", network)
    save("everything.pt", {
        "model": plain, "optimizer": optimizer.state_dict(), "lr_scheduler": scheduler.state_dict(), "epoch": 3,
        "args": argparse.Namespace(lr=1e-3, output=Path("out"), size=torch.Size([4, 4]), type=torch.float16),
        "best": np.float64(0.5), "history": defaultdict(list, loss=[1.0, 0.5]), "device": torch.device("cpu"),
        "random": (torch.get_rng_state()[:8].clone(), np.arange(3)), "seen": {1, 2}, "name": "tiny",
    })  # fmt: skip
    save("tensor.pt", torch.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), FOLDER / "script.pt")
    torch.serialization.set_crc32_options(False)
    save("without_checksums.pth", plain)
    torch.serialization.set_crc32_options(True)

    small = small_network()
    averaged = {name: value if name.endswith("tracked") else value + 1 for name, value in small.items()}
    save("small_checkpoint.pth", {
        "epoch": 9, "arch": "small", "state_dict": {f"module.{name}": value for name, value in small.items()},
        "state_dict_ema": averaged, "args": argparse.Namespace(lr=0.1), "metric": 76.1,
    })  # fmt: skip
    np.savez_compressed(FOLDER / "small.npz", **arrays(small))


if __name__ == "__main__":
    main()
