"""What `kernels: auto` has measured of convolutions on this machine."""

from __future__ import annotations

from dataclasses import asdict

from kresnet.api.table import Table


def list_kernels() -> Table:
    """List the convolutions that `kernels: auto` has measured, and what it chose for each of their passes.

    Returns:
        A row a convolution: `convolution`, its type, the images it was measured with and its shape; `forward`,
        `by_input` and `by_weights`, how each pass is computed; `milliseconds` of each way of each pass; `environment`,
        which processor with which units, TensorFlow and number of threads that holds for.
    """
    from kresnet.runs.kernel_cache import cached_kernels

    rows = [
        {"convolution": key, **asdict(each.choice), "milliseconds": each.as_dict()["milliseconds"], "environment": here}
        for here, measured in cached_kernels()
        for key, each in measured.items()
    ]
    shown = ("convolution", "forward", "by_input", "by_weights", "environment.processor", "environment.threads")
    return Table(rows, shown)


def clear_kernels() -> int:
    """Forget what `kernels: auto` has measured; runs keep what they have chosen.

    Returns:
        The number of convolutions that were known.

    Raises:
        KresnetError: `not_writable`.
    """
    from kresnet.runs.kernel_cache import clear_cached_kernels

    return clear_cached_kernels()


__all__ = ["clear_kernels", "list_kernels"]
