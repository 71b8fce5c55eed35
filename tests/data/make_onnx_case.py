"""Writes tiny.onnx: a model of three nodes, for `export::onnx::message` to be compared with byte by byte.

    pip install onnx && python make_onnx_case.py
"""

import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], name=f"the {output}", **attributes)


kernel = (numpy.arange(8, dtype=numpy.float32) / 4 - 1).reshape(2, 1, 2, 2)
graph = helper.make_graph(
    [
        node("Cast", ["photos"], "real", to=TensorProto.FLOAT),
        node("Conv", ["real", "kernel"], "map", group=1, pads=[0, 0, 1, 1], strides=[2, 2]),
        node("Gather", ["map", "second"], "chosen", axis=-3),
    ],
    "tiny",
    [helper.make_tensor_value_info("photos", TensorProto.UINT8, ["N", 1, 300, 4], "Photos.")],
    [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, ["N", 150, 2], "One map.")],
    [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(numpy.array(1, numpy.int64), "second")],
)
operators = onnx.OperatorSetIdProto(version=13)
model = onnx.ModelProto(
    ir_version=7,
    producer_name="me",
    producer_version="0.1.0",
    doc_string="Ärger — none",
    graph=graph,
    opset_import=[operators],
    metadata_props=[
        onnx.StringStringEntryProto(key="classes", value="a,b"),
        onnx.StringStringEntryProto(key="threshold", value="0.5"),
    ],
)
onnx.checker.check_model(model, full_check=True)
pathlib.Path(__file__).with_name("tiny.onnx").write_bytes(model.SerializeToString(deterministic=True))
