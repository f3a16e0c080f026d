"""What TF Serving answers over REST, from its documentation and the sources that docs/serving.md names."""

import base64
import json
import math

import pytest

PREDICT = "/v1/models/toy:predict"


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def ask(server, document, path=PREDICT):
    return server.post(path, document)


class TestForms:
    def test_rows_are_answered_by_rows_and_a_lone_output_is_unwrapped(self, server):
        assert ask(server, {"instances": [2.0, 3.0, 4.0]}) == (200, {"predictions": [3.0, 3.5, 4.0]})

    def test_columns_are_answered_by_columns(self, server):
        assert ask(server, {"inputs": [2.0, 3.0, 4.0]}) == (200, {"outputs": [3.0, 3.5, 4.0]})

    def test_rows_may_name_their_input(self, server):
        assert ask(server, {"instances": [{"x": 2.0}, {"x": 4}]}) == (200, {"predictions": [3.0, 4.0]})

    def test_columns_may_name_their_input(self, server):
        assert ask(server, {"inputs": {"x": [2.0]}}) == (200, {"outputs": [3.0]})

    def test_several_inputs_and_outputs_by_rows(self, server):
        rows = [{"a": [1, 2], "b": 10}, {"a": [3, 4], "b": 20}]
        status, answer = ask(server, {"signature_name": "pair", "instances": rows})
        assert status == 200
        assert answer == {"predictions": [{"sum": [11.0, 12.0], "b": 10.0}, {"sum": [23.0, 24.0], "b": 20.0}]}

    def test_several_inputs_and_outputs_by_columns(self, server):
        status, answer = ask(server, {"signature_name": "pair", "inputs": {"a": [[1, 2]], "b": [10]}})
        assert (status, answer) == (200, {"outputs": {"sum": [[11.0, 12.0]], "b": [10.0]}})

    def test_the_empty_signature_name_is_the_default(self, server):
        assert ask(server, {"signature_name": "", "instances": [2.0]}) == (200, {"predictions": [3.0]})

    def test_numbers_are_written_with_a_point_where_they_are_floats(self, server):
        _, body = server.send(PREDICT, b'{"instances": [2.0]}')
        assert b"3.0" in body

    def test_float32_is_written_short(self, server):
        _, body = server.send(PREDICT, b'{"signature_name": "echo_float32", "inputs": [0.2, 0.1]}')
        assert json.loads(body) == {"outputs": [0.2, 0.1]}

    def test_text_after_the_document_is_not_looked_at(self, server):
        assert ask(server, b'{"instances": [2.0]} and so on')[0] == 200

    def test_white_space_around_the_document(self, server):
        assert ask(server, b' \n\t{"instances": [2.0]}\r\n ')[0] == 200

    def test_unknown_keys_are_not_looked_at(self, server):
        assert ask(server, {"instances": [2.0], "more": 1})[0] == 200

    def test_any_content_type_will_do(self, server):
        assert ask(server, {"instances": [2.0]})[0] == 200  # urllib calls it a form


class TestTypes:
    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            ("float32", [1.5, -2.0]),
            ("float64", [0.1, 1e300]),
            ("int32", [1, -(2**31)]),
            ("int64", [2**53 + 1, -(2**63)]),
            ("uint8", [0, 255]),
            ("bool", [True, False]),
            ("string", ["grün", ""]),
        ],
    )
    def test_values_come_back(self, server, kind, values):
        assert ask(server, {"signature_name": f"echo_{kind}", "inputs": values}) == (200, {"outputs": values})

    def test_int64_is_a_json_number(self, server):
        _, body = server.send(PREDICT, b'{"signature_name": "echo_int64", "inputs": [9007199254740993]}')
        assert b"9007199254740993" in body
        assert b'"9007199254740993"' not in body

    @pytest.mark.parametrize(
        ("kind", "value", "said"),
        [
            ("int32", 1.0, "1.0 Type: Number is not of expected type: int32"),
            ("int64", 1.5, "is not of expected type: int64"),
            ("int32", 2**31, "is not of expected type: int32"),
            ("int64", 2**63, "is not of expected type: int64"),
            ("uint8", 1.0, "is not of expected type: uint8"),
            ("float32", "1", 'JSON Value: "1" Type: String is not of expected type: float'),
            ("float32", True, "Type: True is not of expected type: float"),
            ("float32", None, "Type: Null is not of expected type: float"),
            ("float32", {"b64": "AA=="}, "is not of expected type: float"),
            ("string", 1, "Type: Number is not of expected type: string"),
            ("bool", 1, "is not of expected type: bool"),
            ("bool", "true", "is not of expected type: bool"),
        ],
    )
    def test_a_value_of_another_type_is_refused(self, server, kind, value, said):
        status, answer = ask(server, {"signature_name": f"echo_{kind}", "inputs": [value]})
        assert status == 400
        assert said in answer["error"]

    def test_a_mixture_with_true_is_refused(self, server):
        assert ask(server, {"instances": [1.0, True]})[0] == 400

    def test_uint8_wraps(self, server):
        assert ask(server, {"signature_name": "echo_uint8", "inputs": [300]}) == (200, {"outputs": [44]})

    def test_a_float_too_large_for_float32_is_infinite(self, server):
        status, body = server.send(PREDICT, b'{"signature_name": "echo_float32", "inputs": [1e39]}')
        assert (status, json.loads(body)) == (200, {"outputs": [math.inf]})

    def test_scalars(self, server):
        assert ask(server, {"signature_name": "echo_float32", "inputs": 2.5}) == (200, {"outputs": 2.5})

    def test_deep_lists(self, server):
        values = [[[[1.0], [2.0]]]]
        assert ask(server, {"signature_name": "echo_float32", "inputs": values}) == (200, {"outputs": values})


class TestNaN:
    def test_is_taken_and_given(self, server):
        status, body = server.send(PREDICT, b'{"signature_name": "echo_float32", "inputs": [NaN, Infinity, -Infinity]}')
        assert status == 200
        assert b"NaN" in body
        first, *rest = json.loads(body)["outputs"]
        assert math.isnan(first)
        assert rest == [math.inf, -math.inf]

    def test_comes_of_a_computation(self, server):
        status, body = server.send(PREDICT, b'{"signature_name": "log", "instances": [-1.0, 0.0, 1.0]}')
        values = json.loads(body)["predictions"]
        assert status == 200
        assert math.isnan(values[0])
        assert values[1:] == [-math.inf, 0.0]


class TestStrings:
    def test_base64_rows(self, server):
        document = {"signature_name": "echo_string", "instances": [b64(b"a"), b64(b"b")]}
        assert ask(server, document) == (200, {"predictions": ["a", "b"]})

    def test_base64_scalar(self, server):
        assert ask(server, {"signature_name": "echo_string", "inputs": b64(b"a")}) == (200, {"outputs": "a"})

    def test_base64_list_beside_plain_strings(self, server):
        document = {"signature_name": "echo_string", "inputs": ["a", b64(b"b")]}
        assert ask(server, document) == (200, {"outputs": ["a", "b"]})

    def test_base64_within_named_rows(self, server):
        document = {"signature_name": "text", "instances": [{"s": b64(b"ab")}]}
        assert ask(server, document)[1]["predictions"][0]["upper"] == "AB"

    def test_outputs_whose_name_says_bytes_are_base64(self, server):
        data = bytes(range(128, 140))
        status, body = server.send(
            PREDICT, json.dumps({"signature_name": "text", "instances": [{"s": b64(data)}]}).encode()
        )
        answer = json.loads(body.decode(errors="replace"))
        assert status == 200
        assert answer["predictions"][0]["raw_bytes"] == b64(data)

    def test_bad_base64_is_refused(self, server):
        status, answer = ask(server, {"signature_name": "echo_string", "inputs": [{"b64": "!!"}]})
        assert status == 400
        assert "Unable to base64 decode" in answer["error"]

    def test_another_object_is_no_string(self, server):
        status, answer = ask(server, {"signature_name": "echo_string", "inputs": [{"b64": "AA==", "more": 1}]})
        assert status == 400
        assert "not formatted correctly for base64 data" in answer["error"]


class TestShapes:
    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ([[1.0, 2.0], [3.0]], "Expecting tensor size: 2 but got: 1"),
            ([[[1.0, 2.0]], [[1.0], [2.0]]], "Expecting shape [1,2] but got: [2,1]"),
            ([[1.0, [2.0]]], "Encountered list at unexpected level: 1 expected < 1"),
            ([[[1.0], 2.0]], "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
            ([[[1.0, 2.0], [3.0]]], "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ],
    )
    def test_rows_that_make_no_tensor(self, server, rows, said):
        status, answer = ask(server, {"signature_name": "echo_float32", "instances": rows})
        assert status == 400
        assert said in answer["error"]

    def test_the_element_is_named(self, server):
        _, answer = ask(server, {"instances": [1.0, "x"]})
        assert answer["error"].startswith("Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: ")

    @pytest.mark.parametrize("rows", [[1.0], [[1.0]], [[[[1.0]]]], [[[[1.0], [1.0], [1.0]], [[1.0], [1.0], [1.0]]]]])
    def test_a_wrong_rank_or_size_is_refused_and_the_server_lives(self, server, rows):
        assert ask(server, {"signature_name": "image", "instances": rows})[0] == 400
        good = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        assert ask(server, {"signature_name": "image", "instances": good}) == (200, {"predictions": [2.5]})

    def test_an_empty_batch(self, server):
        status, answer = ask(server, {"instances": []})
        assert status == 400
        assert "No values in 'instances' array" in answer["error"]

    def test_no_rows_by_columns(self, server):
        assert ask(server, {"inputs": []}) == (200, {"outputs": []})

    def test_an_output_without_a_batch_cannot_be_given_by_rows(self, server):
        status, answer = ask(server, {"signature_name": "total", "instances": [1.0, 2.0]})
        assert status == 400
        assert "has no shape information" in answer["error"]

    def test_and_can_by_columns(self, server):
        assert ask(server, {"signature_name": "total", "inputs": [1.0, 2.0]}) == (200, {"outputs": 3.0})

    def test_outputs_of_different_batches_cannot_be_given_by_rows(self, server):
        status, answer = ask(server, {"signature_name": "uneven", "instances": [1.0, 2.0]})
        assert status == 400
        assert "has inconsistent batch size" in answer["error"]


class TestMistakes:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "JSON Parse error: The document is empty"),
            (b"{", "JSON Parse error: Missing a name for object member. at offset: 1"),
            (b"{'instances': [1]}", "JSON Parse error: Missing a name for object member. at offset: 1"),
            (b'{"instances": [1e999]}', "JSON Parse error: Number too big to be stored in double. at offset: 15"),
            (b'{"instances": [0e400]}', "JSON Parse error: Number too big to be stored in double. at offset: 15"),
            (b"[1, 2]", "Is not object"),
            (b"3", "Is not object"),
            (b"{}", "Missing 'inputs' or 'instances' key"),
            (b'{"instances": [1], "inputs": [1]}', "expecting only one of 'inputs' or 'instances' keys to exist"),
            (b'{"instances": 1}', "Expecting 'instances' to be an list/array"),
            (b'{"instances": {"x": 1}}', "Expecting 'instances' to be an list/array"),
            (b'{"instances": [1], "signature_name": 1}', "'signature_name' key must be a string value"),
            (b'{"instances": [1], "signature_name": "no"}', 'Serving signature name: "no" not found in signature def'),
            (b'{"instances": [{"y": 1}]}', "does not have named input: y"),
            (b'{"instances": [{"x": 1}, 2]}', "Expecting object but got list at item 1 of input list"),
            (b'{"instances": [2, {"x": 1}]}', "Expecting value/list but got object at item 1 of input list"),
            (b'{"inputs": {"y": 1}}', "Missing named input: x in 'inputs' object."),
            (
                b'{"instances": [1], "signature_name": "pair"}',
                "instances is a plain list, but expecting list of objects",
            ),
            (b'{"inputs": [1], "signature_name": "pair"}', "inputs is a plain value/list, but expecting an object"),
            (b'{"instances": [{"a": [1, 2]}], "signature_name": "pair"}', "keys must be equal to: a,b"),
            (b'{"instances": ["\xff"]}', "Type: String is not of expected type: float"),
            (b'{"instances": ["\\ud800"]}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 16"),
            (b'{"instances": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
        ],
    )
    def test_are_told(self, server, body, said):
        status, answer = server.send(PREDICT, body)
        assert status == 400
        answer = json.loads(answer.decode(errors="replace"))
        assert list(answer) == ["error"]
        assert said in answer["error"]

    @pytest.mark.parametrize(
        ("path", "status", "said"),
        [
            ("/v1/models/no:predict", 404, "Servable not found for request: Latest(no)"),
            ("/v1/models/toy/versions/7:predict", 404, "Servable not found for request: Specific(toy, 7)"),
            ("/v1/models/toy/labels/no:predict", 400, "Unrecognized servable version label: no"),
            ("/v1/models/toy/versions/99999999999999999999:predict", 400, "Failed to convert version"),
            ("/v1/models/toy:explain", 400, "Malformed request: POST /v1/models/toy:explain"),
            ("/v1/models/toy/versions/x:predict", 400, "Malformed request: POST"),
            ("/v1/models/toy", 400, "Malformed request: POST /v1/models/toy"),
            ("/v1/models/toy/../toy:predict", 400, "Malformed request"),
            ("/v1/models/%2e%2e%2ftoy:predict", 404, "Servable not found for request: Latest(../toy)"),
        ],
    )
    def test_of_the_path(self, server, path, status, said):
        found, answer = ask(server, {"instances": [1.0]}, path)
        assert found == status
        assert said in answer["error"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_of_the_method(self, server, method):
        status, body = server.send(PREDICT, b"{}", method)
        assert status == 400
        assert json.loads(body)["error"] == f"Malformed request: {method} {PREDICT}"

    def test_a_path_outside_the_api(self, server):
        assert server.send("/etc/passwd")[0] == 404

    def test_predict_is_asked_by_post(self, server):
        assert server.get(PREDICT) == (400, {"error": f"Malformed request: GET {PREDICT}"})


class TestVersions:
    def test_the_newest_answers(self, server):
        assert ask(server, {"instances": [0.0]}) == (200, {"predictions": [2.0]})

    @pytest.mark.parametrize(("which", "value"), [("versions/1", 1.0), ("versions/2", 2.0), ("versions/001", 1.0)])
    def test_by_number(self, server, which, value):
        assert ask(server, {"instances": [0.0]}, f"/v1/models/toy/{which}:predict")[1] == {"predictions": [value]}

    @pytest.mark.parametrize(("label", "value"), [("stable", 1.0), ("canary", 2.0)])
    def test_by_label(self, server, label, value):
        path = f"/v1/models/toy/labels/{label}:predict"
        assert ask(server, {"instances": [0.0]}, path) == (200, {"predictions": [value]})

    def test_status_of_all_newest_first(self, server):
        ok = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        expected = {"model_version_status": [{"version": "2", **ok}, {"version": "1", **ok}]}
        assert server.get("/v1/models/toy") == (200, expected)

    def test_status_of_one(self, server):
        status, answer = server.get("/v1/models/toy/versions/1")
        assert (status, [one["version"] for one in answer["model_version_status"]]) == (200, ["1"])

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/v1/models/no", "Could not find any versions of model no"),
            ("/v1/models/toy/versions/7", "Could not find version 7 of model toy"),
        ],
    )
    def test_status_of_what_is_not_there(self, server, path, said):
        assert server.get(path) == (404, {"error": said})

    def test_status_needs_a_name(self, server):
        assert server.get("/v1/models") == (400, {"error": "Missing model name in request."})

    def test_paths_are_read_whatever_their_case(self, server):
        assert server.get("/V1/Models/toy")[0] == 200


class TestMetadata:
    def test_signatures(self, server):
        status, answer = server.get("/v1/models/toy/versions/1/metadata")
        assert status == 200
        assert answer["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        assert signatures["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"
        sizes = [one["size"] for one in signatures["pair"]["inputs"]["a"]["tensor_shape"]["dim"]]
        assert sizes == ["-1", "2"]

    def test_of_what_is_not_there(self, server):
        assert server.get("/v1/models/no/metadata")[0] == 404


class TestExamples:
    def test_classify(self, server):
        document = {"signature_name": "classify", "examples": [{"x": 2.0}, {"x": [-1.5]}]}
        expected = [[["low", -2.0], ["high", 2.0]], [["low", 1.5], ["high", -1.5]]]
        assert ask(server, document, "/v1/models/toy:classify") == (200, {"results": expected})

    def test_regress(self, server):
        document = {"signature_name": "regress", "examples": [{"x": 2.0}]}
        assert ask(server, document, "/v1/models/toy:regress") == (200, {"results": [3.0]})

    def test_a_context_goes_before_each_example(self, server):
        document = {"signature_name": "regress", "context": {"x": 4.0}, "examples": [{}, {"x": 2.0}]}
        assert ask(server, document, "/v1/models/toy:regress") == (200, {"results": [4.0, 3.0]})

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({}, "key 'examples' is expected and was not found"),
            ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
            ({"examples": []}, "'examples' value is an empty array"),
            ({"examples": [1]}, "Example must be JSON object but got JSON"),
            ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x"),
            ({"examples": [{"x": None}]}, "has element with unexpected JSON type"),
            ({"examples": [{"x": 2.0}]}, "No classification inputs found"),
        ],
    )
    def test_mistakes_are_told(self, server, document, said):
        status, answer = ask(server, document, "/v1/models/toy:classify")
        assert status == 400
        assert said in answer["error"]

    def test_an_example_without_its_feature(self, server):
        document = {"signature_name": "classify", "examples": [{"y": 2.0}]}
        assert ask(server, document, "/v1/models/toy:classify")[0] == 400


def test_metrics(server):
    ask(server, {"instances": [1.0]})
    status, body = server.send("/monitoring/prometheus/metrics")
    assert status == 200
    assert b"# TYPE" in body
    assert b':tensorflow:serving:request_count{model_name="toy",status="OK"}' in body
