"""The checks of a proof that compare the answers of each signature with the reference outputs."""

from __future__ import annotations

import time

import numpy as np

from kresnet.export.export_under_test import CheckFailed, ExportUnderTest
from kresnet.export.manifest import LEAST_TOLERANCE
from kresnet.export.reference_outputs import scaled_difference
from kresnet.export.signature_contract import CLASSIFY_METHOD

BATCHES = (1, 7, 32)


def outputs_match_reference(export: ExportUnderTest) -> str:
    """Check every output of every signature, in batches of several sizes, against the reference outputs."""
    count, worst = len(export.reference.rows), 0.0
    milliseconds = {}
    for name in export.signatures:
        for size in BATCHES:
            for turn in range(0, count, size):
                order = np.arange(turn, turn + size) % count
                started = time.perf_counter()
                answer = export.run_rows(name, order)
                if name == "serving_default":  # of the last: the first are slower
                    milliseconds[size] = round(1000 * (time.perf_counter() - started), 2)
                worst = max(worst, _largest_difference(export, name, answer, order, f"a batch of {size}"))
    export.facts |= {
        "largest_difference": worst, "tolerance": export.manifest.tolerance, "milliseconds_a_batch": milliseconds
    }  # fmt: skip
    sizes = f"{', '.join(map(str, BATCHES[:-1]))} and {BATCHES[-1]}"
    return (
        f"{count} rows ({export.manifest.reference_source}) to each signature, in batches of {sizes}; "
        f"largest difference {worst:.1e} (allowed {_allowed(export)})"
    )


def _allowed(export: ExportUnderTest) -> str:
    """What the outputs may differ by, and why, where it is more than usual."""
    tolerance = export.manifest.tolerance
    if tolerance <= LEAST_TOLERANCE:
        return f"{tolerance:.0e}"
    return f"{tolerance:.1e}: of this network, other batches and one rounding of its inputs make differences as large"


def rows_are_independent(export: ExportUnderTest) -> str:
    """Check that the answer to a row does not depend on the other rows of its batch."""
    count = min(len(export.reference.rows), 7)
    for name in export.signatures:
        for index in range(count):
            order = np.full(7, (index + 1) % count)
            order[index] = index
            answer = {key: values[index : index + 1] for key, values in export.run_rows(name, order).items()}
            _largest_difference(export, name, answer, np.array([index]), f"row {index} among others")
    return "a row is answered the same alone, among its neighbours, and among copies of another"


def repeated_calls_are_identical(export: ExportUnderTest) -> str:
    """Check that the same request gets the same answer, to the last bit, each time."""
    order = np.arange(7) % len(export.reference.rows)
    for name in export.signatures:
        first, *others = (export.run_rows(name, order) for _ in range(3))
        for other in others:
            if changed := [key for key in first if not np.array_equal(first[key], other[key])]:
                raise CheckFailed(f"{', '.join(changed)} of {name} changed between two calls with the same input")
    return "three calls of each signature, equal to the last bit"


def encoded_images_agree(export: ExportUnderTest) -> str:
    """Check that an image file is answered as the pixels that evaluation makes of it."""
    if "image_bytes" not in export.signatures:
        return "no signature takes image files"
    worst = 0.0
    for index, kind in enumerate(export.reference.kinds):
        files, pixels = (export.run_rows(name, np.array([index])) for name in ("image_bytes", "serving_default"))
        for key in files.keys() - {"class_id", "label"}:
            difference = scaled_difference(pixels[key], files[key])
            if not difference <= export.manifest.tolerance:
                raise CheckFailed(
                    f"{key} of row {index}, as a file ({kind}), differs by {difference:.1e} from what its pixels give"
                )
            worst = max(worst, difference)
    kinds = ", ".join(dict.fromkeys(export.reference.kinds))
    return f"{kinds} are answered as the pixels that evaluation makes of them; largest difference {worst:.1e}"


def _largest_difference(
    export: ExportUnderTest, name: str, answer: dict[str, np.ndarray], order: np.ndarray, where: str
) -> float:
    """Return the largest difference of a signature's answer to the rows of `order`.

    Probabilities may differ by the tolerance or by as much as the logits behind them do, over their temperature:
    softmax and sigmoid pass on no more.

    Raises:
        CheckFailed: the difference is too large, or a class or label is wrong.
    """
    if export.signatures[name].method == CLASSIFY_METHOD:
        return _ranking_difference(export, answer, order, f"{name}, {where}")
    worst, tolerance = 0.0, export.manifest.tolerance
    for key, values in export.reference.outputs.items():
        if key not in export.signatures[name].outputs:
            continue
        expected, actual = values[order], answer[key]
        if actual.shape != expected.shape:
            raise CheckFailed(f"{key} of {name}, {where}, is of shape {actual.shape}, not {expected.shape}")
        scale = max(1.0, float(np.abs(expected).max()))
        if key == "probabilities":
            moved = np.abs(answer["logits"] - export.reference.outputs["logits"][order]).max() * export.gain
            if export.manifest.temperatures:  # a division rounds, and what is divided by little rounds by more
                moved += np.finfo(np.float32).eps * np.abs(export.scaled_logits[order]).max()
            scale = max(1.0, float(moved) / tolerance)
        difference = float(np.abs(actual - expected).max()) / scale
        if not difference <= tolerance:  # a NaN is no agreement
            raise CheckFailed(
                f"{key} of {name}, {where}, differs from the golden one by {difference:.1e} (allowed {tolerance})"
            )
        worst = max(worst, difference)
    if "class_id" in answer:
        _require_class_and_label(export, answer, order, f"{name}, {where},")
    return worst


def _require_class_and_label(
    export: ExportUnderTest, answer: dict[str, np.ndarray], order: np.ndarray, where: str
) -> None:
    names = export.manifest.class_names
    logits, chosen = export.scaled_logits[order], answer["class_id"]
    scale = export.manifest.tolerance * export.gain * max(1.0, float(np.abs(logits).max()))
    if (np.take_along_axis(logits, chosen[:, np.newaxis], 1)[:, 0] < logits.max(1) - 2 * scale).any():
        raise CheckFailed(f"class_id of {where} is not the likeliest class")
    if [label.decode() for label in answer["label"]] != [names[index] for index in chosen]:
        raise CheckFailed(f"label of {where} is not the name of class_id")


def _ranking_difference(export: ExportUnderTest, answer: dict[str, np.ndarray], order: np.ndarray, where: str) -> float:
    """Return the largest difference of the scores.

    Raises:
        CheckFailed: the difference is too large, or a class has not its own score, or the likeliest is not first.
    """
    names, expected = export.manifest.class_names, export.reference.outputs["probabilities"][order]
    classes, scores = answer["classes"], answer["scores"]
    if classes.shape != expected.shape or scores.shape != expected.shape:
        raise CheckFailed(f"classes and scores of {where} are of shapes {classes.shape} and {scores.shape}")
    tolerance = export.manifest.tolerance
    allowed = tolerance * export.gain * max(1.0, float(np.abs(export.scaled_logits[order]).max()))
    worst = float(np.abs(scores - np.sort(expected)[:, ::-1]).max())
    if not worst <= allowed:
        raise CheckFailed(
            f"scores of {where} differ from the golden probabilities by {worst:.1e} (allowed {allowed:.0e})"
        )
    for found, given, right in zip(classes, scores, expected, strict=True):
        if sorted(one.decode() for one in found) != sorted(names):
            raise CheckFailed(f"classes of {where} are not the class names")
        known = {
            name: right[[i for i, one in enumerate(names) if one == name]] for name in {one.decode() for one in found}
        }
        if any(
            np.abs(known[one.decode()] - score).min() > 2 * allowed for one, score in zip(found, given, strict=True)
        ):
            raise CheckFailed(f"a class of {where} has another's score")
    return worst / max(1.0, allowed / tolerance)


__all__ = [
    "BATCHES",
    "encoded_images_agree",
    "outputs_match_reference",
    "repeated_calls_are_identical",
    "rows_are_independent",
]  # fmt: skip
