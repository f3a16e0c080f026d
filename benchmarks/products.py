"""`python -m benchmarks.products OUT --data DIR --products fast`: accuracy of `cifar_fast` by fast float32 products.

ResNet-20 on CIFAR-10 as JPEG of TensorFlow Datasets in DIR, in float32, two seeds, with products as stated, `exact` or
`fast`; a process has one kind. All of it goes on where it was stopped. On a processor that has no faster products the
operands of every convolution and of the classifier, forward and in both gradients, are rounded to bfloat16 here and
multiplied in float32: the same numbers but for the order of sums, and no speed. `OUT/fast.json` holds the numbers, and
the row of docs is printed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.cifar_runs import accuracy, options_parser, percent, settings, trained
from benchmarks.machine import machine

CHOICES = ("exact", "fast")


def round_operands() -> None:
    """Have this process round what it multiplies, as units for bfloat16 products do."""
    import tensorflow as tf
    from keras.src import ops as operations_of_layers

    from kresnet.graph.layers.convolution import Conv2D

    def rounded(value: Any) -> Any:
        return tf.cast(tf.cast(value, tf.bfloat16), tf.float32)

    @tf.custom_gradient
    def operand(value: Any) -> tuple[Any, Callable[[Any], Any]]:
        return rounded(value), lambda gradient: gradient

    @tf.custom_gradient
    def product(value: Any) -> tuple[Any, Callable[[Any], Any]]:
        return tf.identity(value), rounded

    def convolution_op(self: Any, inputs: Any, kernel: Any) -> Any:
        return product(convolve(self, operand(inputs), operand(tf.convert_to_tensor(kernel))))

    def matmul(left: Any, right: Any) -> Any:
        return product(multiply(operand(left), operand(tf.convert_to_tensor(right))))

    convolve, multiply = Conv2D.convolution_op, operations_of_layers.matmul
    Conv2D.convolution_op = convolution_op  # type: ignore[method-assign]
    operations_of_layers.matmul = matmul  # of the classifier


def main() -> None:
    """Train the runs of one choice."""
    parser = options_parser(__doc__, epochs=14)
    parser.add_argument("--products", choices=CHOICES, required=True, dest="choice")
    options = parser.parse_args()
    rounded_by = prepare(options.choice)
    accuracies = []
    for seed in map(int, options.seeds.split(",")):
        own = {"recipe.precision": "float32", "recipe.float32_products": options.choice}
        run = trained("cifar_resnet20", options.out / f"{options.choice}-{seed}", settings(options, seed) | own)
        accuracies.append(accuracy(run))
    found = {"machine": machine(), "rounded_by": rounded_by, "test_accuracy": accuracies}
    (options.out / f"{options.choice}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"| `{options.choice}`, rounded by {rounded_by} | {percent(accuracies)} |")


def prepare(choice: str) -> str:
    """Have this process multiply so, and return what rounds the operands."""
    from kresnet.distributed.float32_products import choose_float32_products, rounds_float32

    choose_float32_products(choice)
    if choice == "exact":
        return "nothing"
    if rounds_float32():
        return "the processor"
    round_operands()
    return "casts"


if __name__ == "__main__":
    main()
