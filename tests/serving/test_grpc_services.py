"""What TF Serving answers over gRPC; see test_rest for where that is known from."""

import grpc
import numpy as np
import pytest

from kresnet.export.tensor_protos import proto_of_array
from kresnet.serving import protos
from kresnet.serving.protos import DataType, ModelSpec, TensorProto


@pytest.fixture(scope="module")
def prediction(server):
    with server.channel() as channel:
        yield protos.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(server):
    with server.channel() as channel:
        yield protos.ModelServiceStub(channel)


def spec(name="toy", signature="", version=None, label=""):
    made = ModelSpec(name=name, signature_name=signature)
    if version is not None:
        made.version.value = version
    if label:
        made.version_label = label
    return made


def floats(*values):
    return proto_of_array(np.array(values, np.float32))


def predict(stub, inputs, wanted=(), **which):
    request = protos.PredictRequest(model_spec=spec(**which), inputs=inputs, output_filter=wanted)
    return stub.Predict(request, timeout=30)


def refused(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value.code(), caught.value.details()


def examples(*values):
    made = protos.Input()
    for value in values:
        made.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return made


class TestPredict:
    def test_values_and_who_answered(self, prediction):
        answer = predict(prediction, {"x": floats(2.0, 4.0)})
        assert list(answer.outputs["y"].float_val) == [3.0, 4.0]
        assert answer.model_spec.name == "toy"
        assert answer.model_spec.version.value == 2
        assert answer.model_spec.signature_name == "serving_default"

    @pytest.mark.parametrize(("which", "value"), [({"version": 1}, 1.0), ({"label": "canary"}, 2.0)])
    def test_versions_and_labels(self, prediction, which, value):
        assert list(predict(prediction, {"x": floats(0.0)}, **which).outputs["y"].float_val) == [value]

    def test_packed_values(self, prediction):
        packed = TensorProto(dtype=DataType.DT_FLOAT, tensor_content=np.array([2.0, 4.0], "<f4").tobytes())
        packed.tensor_shape.dim.add(size=2)
        assert list(predict(prediction, {"x": packed}).outputs["y"].float_val) == [3.0, 4.0]

    def test_the_last_value_fills_up_the_rest(self, prediction):
        short = TensorProto(dtype=DataType.DT_FLOAT, float_val=[2.0, 4.0])
        short.tensor_shape.dim.add(size=4)
        assert list(predict(prediction, {"x": short}).outputs["y"].float_val) == [3.0, 4.0, 4.0, 4.0]

    @pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "uint8", "bool"])
    def test_types(self, prediction, kind):
        sent = proto_of_array(np.array([0, 1, 1], kind))
        answer = predict(prediction, {"x": sent}, signature=f"echo_{kind}")
        assert answer.outputs["x"] == sent

    def test_strings(self, prediction):
        sent = proto_of_array(np.array([b"a", bytes(range(256))], object))
        assert predict(prediction, {"x": sent}, signature="echo_string").outputs["x"] == sent

    def test_output_filter(self, prediction):
        inputs = {"a": proto_of_array(np.ones((1, 2), np.float32)), "b": floats(1.0)}
        assert set(predict(prediction, inputs, signature="pair").outputs) == {"sum", "b"}
        assert set(predict(prediction, inputs, ["sum"], signature="pair").outputs) == {"sum"}

    def test_an_empty_batch(self, prediction):
        assert list(predict(prediction, {"x": floats()}).outputs["y"].float_val) == []

    def test_nan_and_infinity(self, prediction):
        answer = predict(prediction, {"x": floats(-1.0, 0.0)}, signature="log").outputs["y"].float_val
        assert np.isnan(answer[0])
        assert np.isneginf(answer[1])

    @pytest.mark.parametrize(
        ("inputs", "which", "code", "said"),
        [
            ({"x": 1.0}, {"name": "no"}, "NOT_FOUND", "Servable not found for request: Latest(no)"),
            ({"x": 1.0}, {"version": 7}, "NOT_FOUND", "Servable not found for request: Specific(toy, 7)"),
            ({"x": 1.0}, {"label": "no"}, "INVALID_ARGUMENT", "Unrecognized servable version label: no"),
            ({"x": 1.0}, {"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
            ({"x": 1.0}, {"signature": "no"}, "FAILED_PRECONDITION", 'Serving signature key "no" not found.'),
            ({}, {}, "INVALID_ARGUMENT", "input size does not match signature: 0!=1"),
            ({"x": 1.0, "y": 1.0}, {}, "INVALID_ARGUMENT", "Sent extra: {y}"),
            ({"y": 1.0}, {}, "INVALID_ARGUMENT", "input tensor alias not found in signature: y"),
        ],
    )
    def test_mistakes(self, prediction, inputs, which, code, said):
        sent = {name: floats(value) for name, value in inputs.items()}
        found, details = refused(predict, prediction, sent, **which)
        assert found == grpc.StatusCode[code]
        assert said in details

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [(["no"], "output tensor alias not found"), (["y", "y"], "duplicate output tensor alias: y")],
    )
    def test_wrong_output_filters(self, prediction, wanted, said):
        code, details = refused(predict, prediction, {"x": floats(1.0)}, wanted)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert said in details

    def test_no_model_spec(self, prediction):
        code, details = refused(prediction.Predict, protos.PredictRequest(), timeout=30)
        assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")

    def test_another_type(self, prediction):
        code, _ = refused(predict, prediction, {"x": proto_of_array(np.array([b"a"], object))})
        assert code == grpc.StatusCode.INVALID_ARGUMENT

    def test_another_rank_and_the_server_lives(self, prediction):
        for shape in ((1,), (1, 2), (1, 2, 2, 2), (1, 2, 2, 1, 1)):
            code, _ = refused(
                predict, prediction, {"image": proto_of_array(np.ones(shape, np.float32))}, signature="image"
            )
            assert code == grpc.StatusCode.INVALID_ARGUMENT
        good = predict(prediction, {"image": proto_of_array(np.ones((1, 2, 2, 1), np.float32))}, signature="image")
        assert list(good.outputs["mean"].float_val) == [1.0]

    @pytest.mark.parametrize("sizes", [(-1,), (2**62, 4), (2**40,)])
    def test_a_shape_that_is_no_shape_or_would_fill_the_memory(self, prediction, sizes):
        proto = TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.0])
        for size in sizes:
            proto.tensor_shape.dim.add(size=size)
        assert refused(predict, prediction, {"x": proto})[0] == grpc.StatusCode.INVALID_ARGUMENT

    @pytest.mark.parametrize("content", [b"\0" * 3, b"\0" * 12])
    def test_content_that_does_not_fill_the_shape(self, prediction, content):
        proto = TensorProto(dtype=DataType.DT_FLOAT, tensor_content=content)
        proto.tensor_shape.dim.add(size=2)
        assert refused(predict, prediction, {"x": proto})[0] == grpc.StatusCode.INVALID_ARGUMENT


class TestExamples:
    def test_classify(self, prediction):
        request = protos.ClassificationRequest(model_spec=spec(signature="classify"), input=examples(2.0))
        [row] = prediction.Classify(request, timeout=30).result.classifications
        assert [(one.label, one.score) for one in row.classes] == [("low", -2.0), ("high", 2.0)]

    def test_regress(self, prediction):
        request = protos.RegressionRequest(model_spec=spec(signature="regress"), input=examples(2.0, 4.0))
        answer = prediction.Regress(request, timeout=30)
        assert [one.value for one in answer.result.regressions] == [3.0, 4.0]
        assert answer.model_spec.version.value == 2

    def test_no_examples(self, prediction):
        request = protos.RegressionRequest(model_spec=spec(signature="regress"))
        code, details = refused(prediction.Regress, request, timeout=30)
        assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "Input is empty.")

    def test_multi_inference(self, prediction):
        request = protos.MultiInferenceRequest(input=examples(2.0))
        request.tasks.add(model_spec=spec(signature="regress"), method_name="tensorflow/serving/regress")
        request.tasks.add(model_spec=spec(signature="classify"), method_name="tensorflow/serving/classify")
        first, second = prediction.MultiInference(request, timeout=30).results
        assert first.regression_result.regressions[0].value == 3.0
        assert second.classification_result.classifications[0].classes[1].score == 2.0


class TestMetadata:
    def test_signatures(self, prediction):
        request = protos.GetModelMetadataRequest(model_spec=spec(), metadata_field=["signature_def"])
        answer = prediction.GetModelMetadata(request, timeout=30)
        signatures = protos.SignatureDefMap()
        assert answer.metadata["signature_def"].Unpack(signatures)
        assert signatures.signature_def["serving_default"].inputs["x"].dtype == DataType.DT_FLOAT
        assert answer.model_spec.version.value == 2

    @pytest.mark.parametrize(
        ("fields", "said"), [([], "must specify at least one metadata_field"), (["x"], "Metadata field x is not")]
    )
    def test_mistakes(self, prediction, fields, said):
        request = protos.GetModelMetadataRequest(model_spec=spec(), metadata_field=fields)
        code, details = refused(prediction.GetModelMetadata, request, timeout=30)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert said in details


class TestModels:
    def test_status(self, models):
        answer = models.GetModelStatus(protos.GetModelStatusRequest(model_spec=spec()), timeout=30)
        available = protos.ModelVersionStatus.AVAILABLE
        assert [(one.version, one.state) for one in answer.model_version_status] == [(2, available), (1, available)]

    @pytest.mark.parametrize("which", [{"name": "no"}, {"version": 7}])
    def test_status_of_what_is_not_there(self, models, which):
        request = protos.GetModelStatusRequest(model_spec=spec(**which))
        assert refused(models.GetModelStatus, request, timeout=30)[0] == grpc.StatusCode.NOT_FOUND

    def test_an_empty_config_is_refused(self, models):
        code, details = refused(models.HandleReloadConfigRequest, protos.ReloadConfigRequest(), timeout=30)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "Only ModelConfigList is currently supported" in details
