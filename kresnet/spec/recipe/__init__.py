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
from kresnet.spec.recipe.averaging import Ema
from kresnet.spec.recipe.checkpoints import Best, Checkpoints
from kresnet.spec.recipe.data import ArraysData, Data, EmbeddedData, FolderData, TfdsData
from kresnet.spec.recipe.losses import AsymmetricLoss, FocalLoss, Loss, SigmoidLoss, SoftmaxLoss, SquaredError
from kresnet.spec.recipe.metrics import Metric
from kresnet.spec.recipe.non_finite import NonFinite, Rollback, Skip
from kresnet.spec.recipe.optimizers import AdamW, Lamb, Lars, Optimizer, RmsProp, Sgd
from kresnet.spec.recipe.prepared import PreparedData
from kresnet.spec.recipe.quantize import Quantize
from kresnet.spec.recipe.recipe import Recipe
from kresnet.spec.recipe.schedules import Constant, Cosine, MultiStep, OneCycle, Polynomial, Schedule, Step, WarmUp
from kresnet.spec.recipe.stopping import EarlyStopping
from kresnet.spec.recipe.table import TableData
from kresnet.spec.recipe.trackers import MlflowTracker, TensorBoardTracker, Tracker, WandbTracker
from kresnet.spec.recipe.validation import Fold

__all__ = [
    "AdamW",
    "ArraysData",
    "AsymmetricLoss",
    "Augment",
    "Best",
    "Checkpoints",
    "ColorJitter",
    "Constant",
    "Cosine",
    "Crop",
    "Cutmix",
    "Data",
    "EarlyStopping",
    "Ema",
    "EmbeddedData",
    "Erase",
    "FocalLoss",
    "Fold",
    "FolderData",
    "Lamb",
    "Lars",
    "Loss",
    "Metric",
    "Mix",
    "Mixup",
    "MixupOrCutmix",
    "MlflowTracker",
    "MultiStep",
    "NonFinite",
    "OneCycle",
    "Optimizer",
    "PaperRandAugment",
    "Polynomial",
    "PreparedData",
    "Quantize",
    "RandAugment",
    "Recipe",
    "RescaledCrop",
    "ResizedCrop",
    "RmsProp",
    "Rollback",
    "Schedule",
    "Sgd",
    "SigmoidLoss",
    "Skip",
    "SoftmaxLoss",
    "SquaredError",
    "Step",
    "TableData",
    "TensorBoardTracker",
    "TfdsData",
    "TimmRandAugment",
    "Tracker",
    "WandbTracker",
    "WarmUp",
]
