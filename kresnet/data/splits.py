"""The splits of a data set: labelled images by position, decoded once into memory where they fit, else on demand."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.augment.crops import RandomCrop
from kresnet.data.crop_resize import crop_batch
from kresnet.data.graph_mapping import map_graph
from kresnet.data.order import ExampleOrder, RandomOrder
from kresnet.errors import MOST_PROBLEMS, KresnetError, Problem
from kresnet.spec.inputs import Input

#: Largest size, in bytes, of a split whose decoded images are kept in memory.
RESIDENT_BYTES = 2 * 1024**3

#: Errors of reading and decoding an image; running out of memory, for one, has nothing to do with the images.
UNREADABLE = (
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,
    tf.errors.DataLossError,
    tf.errors.UnknownError,
)
_LOADING_BATCH = 256

logger = logging.getLogger(__name__)


class ImageSource(Protocol):
    """Reads a split's examples from where they lie.

    Attributes:
        native: whether every image is stored at the network's size, so that reading it loses nothing.
        groups: names of the groups of all examples (N,), text or integers, which no division tears apart; None where
            each example stands for itself.
        weights: float32 (N,), how many times each example's loss counts in training; None where all count the same.
    """

    native: bool
    groups: np.ndarray | None
    weights: np.ndarray | None

    @property
    def failure(self) -> KresnetError | None:
        """Why what the examples lie in could not be read, as when a server does not answer; None where it could."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def fetch(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images uint8 (B, H, W, C) and targets at positions int64 (B,); graph code.

        Targets are labels int32 (B,), or float32 (B, ...).
        """

    def fetch_crops(self, positions: tf.Tensor, crop: RandomCrop, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what `fetch` does, but of each image the part that `crop` chooses by its numbers, float32 (B, n)."""

    def explain(self, position: int) -> Problem:
        """Return what is wrong with the example at `position`, which could not be fetched."""

    def encoded(self, position: int) -> bytes | None:
        """Return the image file of the example at `position`; None where there is none, or it cannot be read."""

    def example_name(self, position: int) -> str:
        """Return what the example at `position` is called, without the folder that the data lie in."""

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """Return the targets of all examples at `positions`, integers (B,) or float32 (B, ...), without the images."""

    def distinct_targets(self, positions: np.ndarray, classes: int) -> np.ndarray | None:
        """Return targets of examples at `positions`, among them one of every class that any of these examples has.

        None where more records would have to be read for it than is worth it.
        """


class Split:
    """A part of a data set with random access: `len(split)`, and `split.fetch(positions)` inside or outside a graph."""

    def __init__(
        self,
        name: str,
        source: ImageSource,
        input: Input,
        *,
        positions: np.ndarray | None = None,
        skipped: Sequence[str] = (),
        skip_unreadable: bool = False,
        resident_bytes: int = RESIDENT_BYTES,
        order: ExampleOrder | None = None,
    ) -> None:
        """Take the source of the examples; nothing is read yet.

        Args:
            name: the split's name, for messages.
            source: the examples, already brought to `input`.
            input: the spec's input; gives the shape (H, W, C).
            positions: integers (n,), where the split's examples stand in the source, in order; all by default.
            skipped: names of examples that were left out of it before, since they cannot be read.
            skip_unreadable: leave out what cannot be read; all is then read once when the length is first asked for.
            resident_bytes: a larger split is read and decoded on demand, again in every epoch.
            order: the order in which an epoch of training reads it; random by default.
        """
        self.name = name
        self.input, self.image_shape = input, input.shape
        self.source, self._skip = source, skip_unreadable
        self._resident_bytes, self._skipped_before = resident_bytes, list(skipped)
        self.order: ExampleOrder = order or RandomOrder()
        self._stated = None if positions is None else np.asarray(positions, np.int64)
        examples = len(source) if positions is None else len(positions)
        self._fits = examples * int(np.prod(input.shape)) <= resident_bytes

    def __len__(self) -> int:
        return len(self.source) if self._whole else len(self.positions)

    @property
    def _whole(self) -> bool:
        """Whether the split is all of the source, so that no positions have to be kept for it."""
        return self._stated is None and not self._unreadable

    @property
    def _candidates(self) -> np.ndarray:
        """Where the split's examples stand in the source, those that cannot be read among them: int64 (n,)."""
        return np.arange(len(self.source)) if self._stated is None else self._stated

    def example_name(self, position: int) -> str:
        """Return what the example at `position` is called, without the folder that the data lie in."""
        return self.source.example_name(int(self.positions[position]))

    def encoded(self, position: int) -> bytes | None:
        """Return the image file of the example at `position`; None where there is none, or it cannot be read."""
        return self.source.encoded(int(self.positions[position]))

    def part(self, name: str, places: np.ndarray, skipped: Sequence[str] = ()) -> Split:
        """Return some of the examples as a split of its own; images that cannot be read are left out already.

        Args:
            name: the new split's name, for messages.
            places: integers (n,), the examples' places in this split, in order.
            skipped: what its `skipped` is to be.
        """
        positions, limit, order = self.positions[places], self._resident_bytes, self.order.part(places)
        return Split(
            name, self.source, self.input, positions=positions, skipped=skipped, resident_bytes=limit, order=order
        )

    def targets(self) -> np.ndarray:
        """Return the targets of all examples, in order: integers (N,), or float32 (N, ...).

        Raises:
            KresnetError: `image_unreadable` where they lie with the images and cannot be read.
        """
        return self._targets

    @cached_property
    def _targets(self) -> np.ndarray:
        return self.source.targets(self.positions)

    def groups(self) -> np.ndarray | None:
        """Return the names of the examples' groups (N,), in order; None where each stands for itself."""
        return None if self.source.groups is None else self.source.groups[self.positions]

    def distinct_targets(self, classes: int) -> np.ndarray | None:
        """Return targets of examples, among them one of every class that occurs; None where that takes too long."""
        return self.source.distinct_targets(self.positions, classes)

    def weights(self) -> np.ndarray | None:
        """Return how many times the examples' losses count in training, float32 (N,); None where all count the same."""
        return None if self.source.weights is None else self.source.weights[self.positions]

    @property
    def skipped(self) -> list[str]:
        """Names of the examples that are left out, in order."""
        return [*self._skipped_before, *(self.source.example_name(position) for position in self._unreadable)]

    @cached_property
    def _unreadable(self) -> dict[int, Problem]:
        """Problems of the examples that cannot be read, by position; empty unless they are to be left out."""
        problems = dict(self._unreadable_among(self._candidates)) if self._skip else {}
        if problems and len(problems) == len(self._candidates):
            problem = next(iter(problems.values()))
            message = (
                f"None of the {len(problems)} images of the split {self.name} can be read, such as: {problem.message}"
            )
            raise KresnetError(Problem("data_empty", message, remedy=problem.remedy))
        return problems

    @cached_property
    def positions(self) -> np.ndarray:
        """Where the split's examples stand in the source: int64 (N,)."""
        if not self._unreadable:
            return self._candidates
        return self._candidates[~np.isin(self._candidates, list(self._unreadable))]

    def __repr__(self) -> str:
        return f"Split({self.name!r}, {len(self)} images {self.image_shape})"

    def load(self, crop: RandomCrop | None = None) -> None:
        """Read and decode all images now, once, where they fit in memory; `training_batches` and the like call it.

        Args:
            crop: the crop that `fetch` will be given.

        Raises:
            KresnetError: `image_unreadable`, naming the files.
        """
        if self._in_memory(crop):
            _ = self._resident

    def _in_memory(self, crop: RandomCrop | None) -> bool:
        """Whether images are taken from memory: not parts of images that had to be made smaller to fit the network."""
        return self._fits and (crop is None or self.source.native)

    def fetch(
        self, positions: tf.Tensor, crop: RandomCrop | None = None, numbers: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the examples at `positions`.

        Args:
            positions: int64 (B,), each in [0, len(split)).
            crop: what part of each image to read, at the network's size; None for the whole, by the spec's `resize`.
            numbers: float32 (B, n), what `RandomCrop.draw` drew.

        Returns:
            images uint8 (B, H, W, C) and labels int32 (B,), or other targets float32 (B, ...).

        Raises:
            tf.errors.OpError: when run, for an unreadable image; see `naming_unreadable_images`.
        """
        if not self._in_memory(crop):
            positions = self._in_source(positions)
            return self.source.fetch_crops(positions, crop, numbers) if crop else self.source.fetch(positions)
        images, labels = (tf.gather(values, positions) for values in self._resident)
        if crop:
            boxes = crop.boxes(numbers, *self.image_shape[:2])
            images = crop_batch(images, boxes, crop.crop_first, self.input)
        return images, labels

    def require_source(self) -> None:
        """Raise the `KresnetError` for which the source could not be read as a whole, if there was one."""
        if self.source.failure:
            raise self.source.failure from None

    def require_readable(self) -> None:
        """Read and decode every image that is not in memory yet, and raise if one cannot be.

        Raises:
            KresnetError: `image_unreadable`, naming the first `MOST_PROBLEMS` images that can not be decoded.
        """
        if "_resident" in self.__dict__:
            return

        if unreadable := list(islice(self._unreadable_among(self.positions), MOST_PROBLEMS + 1)):
            raise KresnetError(problem for _, problem in unreadable)

    def _unreadable_among(self, positions: Sequence[int] | np.ndarray) -> Iterator[tuple[int, Problem]]:
        """Yield the positions in the source that cannot be fetched, and why."""
        one_by_one = tf.data.Dataset.from_tensor_slices(np.asarray(positions, np.int64)).batch(1)
        examples = iter(map_graph(one_by_one, self.source.fetch, os.cpu_count()))
        for position in positions:
            try:
                next(examples)  # after an error, the iterator goes on with the next example
            except UNREADABLE:
                yield int(position), self.source.explain(int(position))

    def _in_source(self, positions: tf.Tensor) -> tf.Tensor:
        """Return the places in the source of positions in the split."""
        return positions if self._whole else tf.gather(tf.constant(self.positions), positions)

    @cached_property
    def _resident(self) -> tuple[tf.Tensor, tf.Tensor]:
        """All images uint8 (N, H, W, C) and their targets, in the host's memory."""
        images = np.empty((len(self), *self.image_shape), np.uint8)
        in_order = tf.data.Dataset.from_tensor_slices(self.positions).batch(_LOADING_BATCH)
        batches = map_graph(in_order, self.source.fetch, os.cpu_count())
        spec = batches.element_spec[1]
        labels = np.empty((len(self), *spec.shape[1:]), spec.dtype.as_numpy_dtype)
        try:
            start = 0
            for some_images, some_labels in batches:
                stop = start + len(some_labels)
                images[start:stop], labels[start:stop] = some_images, some_labels
                start = stop
        except UNREADABLE:
            self.require_source()
            self.require_readable()
            raise
        with tf.device("CPU:0"):
            return tf.constant(images), tf.constant(labels)


@contextmanager
def naming_unreadable_images(*splits: Split) -> Iterator[None]:
    """Turn TensorFlow's error about an image that was decoded on demand into one that names the file.

    Put it around the loop that reads batches. The error itself does not know the file, so all images not in memory are
    read again; this takes a while, but names every bad file at once.

    Raises:
        KresnetError: `image_unreadable`, naming the files; a source's `failure`, where it has one.
        tf.errors.OpError: the original error, where all images can be read.
    """
    try:
        yield
    except UNREADABLE:
        for split in splits:
            split.require_source()
        logger.warning("An image could not be read; looking through %s images for it.", sum(map(len, splits)))
        for split in splits:
            split.require_readable()
        raise
