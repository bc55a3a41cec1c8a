"""Caffe's messages for google.protobuf, put down by hand from caffe.proto: the other side of what
our own table and coding say. Only what the tests' nets use.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

PACKED = "packed"

MESSAGES: dict[str, str] = {
    "BlobShape": "1 dim int64 packed",
    "BlobProto": "1 num int32; 2 channels int32; 3 height int32; 4 width int32;"
    " 5 data float packed; 6 diff float packed; 7 shape BlobShape; 8 double_data double packed;"
    " 9 double_diff double packed",
    "OldBlobProto": "1 num int32; 2 channels int32; 3 height int32; 4 width int32;"
    " 5 data float many; 6 diff float many",
    "FillerParameter": "1 type string; 2 value float; 3 min float; 4 max float; 5 mean float;"
    " 6 std float; 7 sparse int32",
    "ParamSpec": "1 name string; 3 lr_mult float; 4 decay_mult float",
    "NetStateRule": "1 phase Phase; 2 min_level int32; 3 max_level int32; 4 stage string many;"
    " 5 not_stage string many",
    "TransformationParameter": "1 scale float; 2 mirror bool; 3 crop_size uint32;"
    " 4 mean_file string; 5 mean_value float many",
    "InputParameter": "1 shape BlobShape many",
    "ConvolutionParameter": "1 num_output uint32; 2 bias_term bool; 3 pad uint32 many;"
    " 4 kernel_size uint32 many; 5 group uint32; 6 stride uint32 many;"
    " 7 weight_filler FillerParameter; 8 bias_filler FillerParameter",
    "InnerProductParameter": "1 num_output uint32; 2 bias_term bool;"
    " 3 weight_filler FillerParameter; 4 bias_filler FillerParameter; 5 axis int32;"
    " 6 transpose bool",
    "PoolingParameter": "1 pool PoolMethod; 2 kernel_size uint32; 3 stride uint32; 4 pad uint32;"
    " 12 global_pooling bool",
    "LRNParameter": "1 local_size uint32; 2 alpha float; 3 beta float; 4 norm_region NormRegion;"
    " 5 k float",
    "DropoutParameter": "1 dropout_ratio float",
    "PowerParameter": "1 power float; 2 scale float; 3 shift float",
    "EltwiseParameter": "1 operation EltwiseOp; 2 coeff float many",
    "ReshapeParameter": "1 shape BlobShape; 2 axis int32; 3 num_axes int32",
    "LogParameter": "1 base float; 2 scale float; 3 shift float",
    "DataParameter": "1 source string; 4 batch_size uint32; 8 backend DB",
    "LayerParameter": "1 name string; 2 type string; 3 bottom string many; 4 top string many;"
    " 6 param ParamSpec many; 7 blobs BlobProto many; 8 include NetStateRule many;"
    " 9 exclude NetStateRule many; 10 phase Phase; 100 transform_param TransformationParameter;"
    " 106 convolution_param ConvolutionParameter; 107 data_param DataParameter;"
    " 108 dropout_param DropoutParameter; 110 eltwise_param EltwiseParameter;"
    " 117 inner_product_param InnerProductParameter; 118 lrn_param LRNParameter;"
    " 121 pooling_param PoolingParameter; 122 power_param PowerParameter;"
    " 133 reshape_param ReshapeParameter; 134 log_param LogParameter;"
    " 143 input_param InputParameter",
    "V0LayerParameter": "1 name string; 2 type string; 3 num_output uint32; 4 biasterm bool;"
    " 5 weight_filler FillerParameter; 6 bias_filler FillerParameter; 7 pad uint32;"
    " 8 kernelsize uint32; 9 group uint32; 10 stride uint32; 11 pool PoolMethod;"
    " 12 dropout_ratio float; 13 local_size uint32; 14 alpha float; 15 beta float;"
    " 16 source string; 17 scale float; 18 meanfile string; 19 batchsize uint32;"
    " 20 cropsize uint32; 50 blobs OldBlobProto many; 51 blobs_lr float many;"
    " 52 weight_decay float many",
    "V1LayerParameter": "1 layer V0LayerParameter; 2 bottom string many; 3 top string many;"
    " 4 name string; 5 type LayerType; 6 blobs OldBlobProto many; 7 blobs_lr float many;"
    " 8 weight_decay float many; 10 convolution_param ConvolutionParameter;"
    " 11 data_param DataParameter; 12 dropout_param DropoutParameter;"
    " 17 inner_product_param InnerProductParameter; 18 lrn_param LRNParameter;"
    " 19 pooling_param PoolingParameter; 32 include NetStateRule many;"
    " 36 transform_param TransformationParameter",
    "NetParameter": "1 name string; 2 layers V1LayerParameter many; 3 input string many;"
    " 4 input_dim int32 many; 8 input_shape BlobShape many; 100 layer LayerParameter many",
}

ENUMERATIONS: dict[str, str] = {
    "Phase": "0 TRAIN; 1 TEST",
    "PoolMethod": "0 MAX; 1 AVE; 2 STOCHASTIC",
    "NormRegion": "0 ACROSS_CHANNELS; 1 WITHIN_CHANNEL",
    "EltwiseOp": "0 PROD; 1 SUM; 2 MAX",
    "DB": "0 LEVELDB; 1 LMDB",
    "LayerType": "0 NONE; 1 ACCURACY; 4 CONVOLUTION; 5 DATA; 6 DROPOUT; 14 INNER_PRODUCT; 15 LRN;"
    " 17 POOLING; 18 RELU; 20 SOFTMAX; 21 SOFTMAX_LOSS",
}

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "int32": Field.TYPE_INT32, "int64": Field.TYPE_INT64, "uint32": Field.TYPE_UINT32,
    "float": Field.TYPE_FLOAT, "double": Field.TYPE_DOUBLE, "bool": Field.TYPE_BOOL,
    "string": Field.TYPE_STRING,
}  # fmt: skip


@cache
def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="caffe_of_the_tests.proto", package="caffe", syntax="proto2"
    )
    for name, values in ENUMERATIONS.items():
        # values of an enumeration share the package's names, so that each stands in its own
        holder = file.message_type.add(name=f"{name}Holder")
        enum = holder.enum_type.add(name=name)
        for value in values.split("; "):
            number, word = value.split()
            enum.value.add(name=word, number=int(number))
    for name, written in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in written.split("; "):
            _add_field(message, field.replace(";", "").split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))
        for name in MESSAGES
    }


def _add_field(message: Any, parts: list[str]) -> None:
    number, name, kind = parts[:3]
    many = len(parts) > 3
    field = message.field.add(
        name=name,
        number=int(number),
        label=Field.LABEL_REPEATED if many else Field.LABEL_OPTIONAL,
    )
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind in ENUMERATIONS:
        field.type, field.type_name = Field.TYPE_ENUM, f".caffe.{kind}Holder.{kind}"
    else:
        field.type, field.type_name = Field.TYPE_MESSAGE, f".caffe.{kind}"
    if parts[3:] == [PACKED]:
        field.options.packed = True


def new(kind: str) -> Any:
    """An empty message."""
    return _classes()[kind]()


def parsed(text: str) -> Any:
    """A NetParameter from a text, by google.protobuf's parser, which refuses unknown names."""
    return text_format.Parse(text, new("NetParameter"))


def decoded(data: bytes) -> Any:
    """A NetParameter from bytes."""
    return _classes()["NetParameter"].FromString(data)
