"""Models that the conformance suite asks: `python -m tests.serving.toy_models DIR` writes them and a models.config.

`toy` has versions 1 and 2, labelled stable and canary; version V adds V to its default signature.
"""

from __future__ import annotations

import sys
from pathlib import Path

LABELS = {"stable": 1, "canary": 2}

_CONFIG = """model_config_list {{
  config {{
    name: "toy" base_path: "{base}/toy" model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""


def write(directory: Path, versions: tuple[int, ...] = (1, 2)) -> None:
    """`directory/toy/VERSION` and `directory/models.config`."""
    for version in versions:
        write_version(directory / "toy" / str(version), version)
    (directory / "models.config").write_text(_CONFIG.format(base=directory.absolute()))


def write_version(directory: Path, version: int) -> None:
    """One version of the toy."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    module = tf.Module()
    module.offset = tf.Variable(float(version))

    def signature(**inputs: tf.TensorSpec):
        def wrap(function):
            named = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in inputs.items()}
            return tf.function(function).get_concrete_function(**named)

        return wrap

    rows = lambda dtype, *rest: tf.TensorSpec((None, *rest), dtype)  # noqa: E731

    @signature(x=rows(tf.float32))
    def half(x):
        return {"y": x * 0.5 + module.offset}

    @signature(a=rows(tf.float32, 2), b=rows(tf.float32))
    def pair(a, b):
        return {"sum": a + b[:, None], "b": b}

    types = (tf.float32, tf.float64, tf.int32, tf.int64, tf.uint8, tf.bool, tf.string)
    echoes = {}
    for dtype in types:

        def echo(x):
            return {"x": tf.identity(x)}

        echoes[f"echo_{dtype.name}"] = signature(x=tf.TensorSpec(None, dtype))(echo)

    @signature(s=rows(tf.string))
    def text(s):
        return {"upper": tf.strings.upper(s), "raw_bytes": s}

    @signature(x=rows(tf.float32))
    def total(x):
        return {"total": tf.reduce_sum(x)}

    @signature(x=rows(tf.float32))
    def uneven(x):
        return {"x": x, "first": x[:1]}

    @signature(x=rows(tf.float32))
    def log(x):
        return {"y": tf.math.log(x)}

    @signature(image=rows(tf.float32, None, None, None))
    def image(image):
        image = tf.ensure_shape(image, (None, 2, 2, 1))
        return {"mean": tf.reduce_mean(image, (1, 2, 3))}

    @signature(inputs=rows(tf.string))
    def classify(inputs):
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature((), tf.float32)})["x"]
        names = tf.tile(tf.constant([["low", "high"]]), (tf.size(x), 1))
        return {"classes": names, "scores": tf.stack([-x, x], 1)}

    @signature(inputs=rows(tf.string))
    def regress(inputs):
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature((), tf.float32)})["x"]
        return {"outputs": x * 0.5 + module.offset}

    signatures = {
        "serving_default": half,
        "pair": pair,
        "text": text,
        "total": total,
        "uneven": uneven,
        "log": log,
        "image": image,
        "classify": classify,
        "regress": regress,
        **echoes,
    }
    tf.saved_model.save(module, str(directory), signatures)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
