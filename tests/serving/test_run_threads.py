"""The number of threads of a run follows from the size of a model's layers."""

import json

from kresnet.cores import usable_cores
from kresnet.export.manifest import SPEC
from kresnet.serving.run_threads import choose_run_threads
from kresnet.spec.loading import load_spec


def test_small_layers_run_on_one_thread_each_and_others_on_all_cores(exported, toys, tmp_path):
    assert choose_run_threads([exported.path]) == 1
    assert choose_run_threads([exported.path, toys / "toy" / "1"]) == len(usable_cores())  # nobody knows what that has
    spec = tmp_path / "1" / SPEC
    spec.parent.mkdir(parents=True)
    for name, threads in (("cifar_resnet110", 1), ("resnet18", len(usable_cores()))):
        spec.write_text(json.dumps(load_spec(name).value.document()))
        assert choose_run_threads([tmp_path / "1"]) == threads
