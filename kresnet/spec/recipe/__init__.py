"""The recipe: how a network is trained. Durations carry their unit; the batch size is the global one."""

from kresnet.spec.recipe.augment import Augment
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
    "Constant",
    "Cosine",
    "Data",
    "EmbeddedData",
    "FolderData",
    "Optimizer",
    "Recipe",
    "Schedule",
    "Sgd",
    "Step",
    "TfdsData",
]
