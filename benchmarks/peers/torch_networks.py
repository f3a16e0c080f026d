"""The measured networks in PyTorch, as torchvision builds them (torchvision itself is not needed)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers import PIXEL_MEAN, PIXEL_STD


def build(network: str) -> nn.Module:
    """The network of that name; takes uint8 pixels `(N, C, H, W)`, returns logits `(N, classes)`."""
    match network:
        case "cifar_resnet20":
            return Cifar(3)
        case "resnet18":
            return Imagenet((2, 2, 2, 2), bottleneck=False)
        case "resnet50":
            return Imagenet((3, 4, 6, 3), bottleneck=True)
    raise ValueError(f"no network {network}")


class Normalize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / (255 * torch.tensor(PIXEL_STD).view(1, 3, 1, 1)))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.float() - self.mean) * self.scale


def conv_norm(inside: int, width: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inside, width, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(width))


class Block(nn.Module):
    """`relu(residual(x) + shortcut(x))`."""

    def __init__(self, residual: Sequence[nn.Module], shortcut: nn.Module) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for each in residual:
            layers += [each, nn.ReLU(inplace=True)]
        self.residual, self.shortcut = nn.Sequential(*layers[:-1]), shortcut

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.residual(x) + self.shortcut(x), inplace=True)


class Subsample(nn.Module):
    """Option A: every other pixel, and as many new channels of zeros as there are channels."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))


class Classifier(nn.Module):
    """Stem, blocks, mean over the map, logits."""

    def __init__(self, stem: nn.Module, blocks: Sequence[nn.Module], width: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Normalize(), stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(width, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.body(pixels))


class Imagenet(Classifier):
    """He et al. 2015, Table 1, with projections; a bottleneck strides on its 3x3."""

    def __init__(self, counts: Sequence[int], *, bottleneck: bool) -> None:
        stem = nn.Sequential(conv_norm(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        blocks, inside = [], 64
        for stage, count in enumerate(counts):
            width = 64 * 2**stage
            for number in range(count):
                stride = 2 if stage and not number else 1
                out = 4 * width if bottleneck else width
                if bottleneck:
                    residual = [
                        conv_norm(inside, width, 1, 1),
                        conv_norm(width, width, 3, stride),
                        conv_norm(width, out, 1, 1),
                    ]
                else:
                    residual = [conv_norm(inside, width, 3, stride), conv_norm(width, width, 3, 1)]
                same = stride == 1 and inside == out
                blocks.append(Block(residual, nn.Identity() if same else conv_norm(inside, out, 1, stride)))
                inside = out
        super().__init__(stem, blocks, inside, 1000)


class Cifar(Classifier):
    """He et al. 2015, section 4.2, with shortcuts of option A."""

    def __init__(self, count: int) -> None:
        stem = nn.Sequential(conv_norm(3, 16, 3, 1), nn.ReLU(inplace=True))
        blocks, inside = [], 16
        for stage in range(3):
            width = 16 * 2**stage
            for number in range(count):
                stride = 2 if stage and not number else 1
                residual = [conv_norm(inside, width, 3, stride), conv_norm(width, width, 3, 1)]
                blocks.append(Block(residual, Subsample() if stride > 1 else nn.Identity()))
                inside = width
        super().__init__(stem, blocks, inside, 10)
