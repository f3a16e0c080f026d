"""The recipe: how a network is trained. Durations carry their unit; the batch size is the global one."""

from kresnet.spec.recipe.augment import (
    Augment,
    ColorJitter,
    Crop,
    Cutmix,
    Erase,
    Mix,
    Mixup,
    MixupOrCutmix,
    PaperRandAugment,
    RandAugment,
    RescaledCrop,
    ResizedCrop,
    TimmRandAugment,
)
from kresnet.spec.recipe.checkpoints import Best, Checkpoints
from kresnet.spec.recipe.data import Data, EmbeddedData, FolderData, TfdsData
from kresnet.spec.recipe.document import Recipe
from kresnet.spec.recipe.optimizers import AdamW, Optimizer, Sgd
from kresnet.spec.recipe.schedules import Constant, Cosine, Schedule, Step

__all__ = [
    "AdamW",
    "Augment",
    "Best",
    "Checkpoints",
    "ColorJitter",
    "Constant",
    "Cosine",
    "Crop",
    "Cutmix",
    "Data",
    "EmbeddedData",
    "Erase",
    "FolderData",
    "Mix",
    "Mixup",
    "MixupOrCutmix",
    "Optimizer",
    "PaperRandAugment",
    "RandAugment",
    "Recipe",
    "RescaledCrop",
    "ResizedCrop",
    "Schedule",
    "Sgd",
    "Step",
    "TfdsData",
    "TimmRandAugment",
]
