"""The fields of Caffe's messages that are read or written, with their true numbers, as a plain
table; text and binary files are decoded and encoded by it.

Numbers and types are those of BVLC/caffe, src/caffe/proto/caffe.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SCALARS = ("int", "bool", "float", "double", "string")
"""The plain kinds; `int` stands for every integer type, which all are varints."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        name, number: Caffe's.
        kind: one of `SCALARS`, or the name of an enumeration or of a message.
        repeated: whether it may stand more than once.
        packed: whether Caffe writes the repeated numbers as one run of bytes.
    """

    name: str
    number: int
    kind: str
    repeated: bool = False
    packed: bool = False


ENUMERATIONS: Mapping[str, Mapping[str, int]] = {
    "Phase": {"TRAIN": 0, "TEST": 1},
    "VarianceNorm": {"FAN_IN": 0, "FAN_OUT": 1, "AVERAGE": 2},
    "PoolMethod": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
    "RoundMode": {"CEIL": 0, "FLOOR": 1},
    "NormRegion": {"ACROSS_CHANNELS": 0, "WITHIN_CHANNEL": 1},
    "EltwiseOp": {"PROD": 0, "SUM": 1, "MAX": 2},
    "Engine": {"DEFAULT": 0, "CAFFE": 1, "CUDNN": 2},
    "DB": {"LEVELDB": 0, "LMDB": 1},
    "DimCheckMode": {"STRICT": 0, "PERMISSIVE": 1},
    "NormalizationMode": {"FULL": 0, "VALID": 1, "BATCH_SIZE": 2, "NONE": 3},
    "LayerType": {
        "NONE": 0, "ACCURACY": 1, "BNLL": 2, "CONCAT": 3, "CONVOLUTION": 4, "DATA": 5,
        "DROPOUT": 6, "EUCLIDEAN_LOSS": 7, "FLATTEN": 8, "HDF5_DATA": 9, "HDF5_OUTPUT": 10,
        "IM2COL": 11, "IMAGE_DATA": 12, "INFOGAIN_LOSS": 13, "INNER_PRODUCT": 14, "LRN": 15,
        "MULTINOMIAL_LOGISTIC_LOSS": 16, "POOLING": 17, "RELU": 18, "SIGMOID": 19, "SOFTMAX": 20,
        "SOFTMAX_LOSS": 21, "SPLIT": 22, "TANH": 23, "WINDOW_DATA": 24, "ELTWISE": 25,
        "POWER": 26, "SIGMOID_CROSS_ENTROPY_LOSS": 27, "HINGE_LOSS": 28, "MEMORY_DATA": 29,
        "ARGMAX": 30, "THRESHOLD": 31, "DUMMY_DATA": 32, "SLICE": 33, "MVN": 34, "ABSVAL": 35,
        "SILENCE": 36, "CONTRASTIVE_LOSS": 37, "EXP": 38, "DECONVOLUTION": 39,
    },
}  # fmt: skip
"""The enumerations by name; Caffe keeps most of them inside a message."""

_WRITTEN = {
    "NetParameter": "name 1 string, layers 2 V1LayerParameter*, input 3 string*, input_dim 4 int*,"
    " force_backward 5 bool, state 6 NetState, debug_info 7 bool, input_shape 8 BlobShape*,"
    " layer 100 LayerParameter*",
    "LayerParameter": "name 1 string, type 2 string, bottom 3 string*, top 4 string*,"
    " loss_weight 5 float*, param 6 ParamSpec*, blobs 7 BlobProto*, include 8 NetStateRule*,"
    " exclude 9 NetStateRule*, phase 10 Phase, propagate_down 11 bool*,"
    " transform_param 100 TransformationParameter, loss_param 101 LossParameter,"
    " accuracy_param 102 AccuracyParameter, concat_param 104 ConcatParameter,"
    " convolution_param 106 ConvolutionParameter, data_param 107 DataParameter,"
    " dropout_param 108 DropoutParameter, dummy_data_param 109 DummyDataParameter,"
    " eltwise_param 110 EltwiseParameter, hdf5_data_param 112 HDF5DataParameter,"
    " image_data_param 115 ImageDataParameter, inner_product_param 117 InnerProductParameter,"
    " lrn_param 118 LRNParameter, memory_data_param 119 MemoryDataParameter,"
    " pooling_param 121 PoolingParameter, power_param 122 PowerParameter,"
    " relu_param 123 ReLUParameter, sigmoid_param 124 EngineParameter,"
    " softmax_param 125 SoftmaxParameter, slice_param 126 SliceParameter,"
    " tanh_param 127 EngineParameter, window_data_param 129 WindowDataParameter,"
    " reshape_param 133 ReshapeParameter, log_param 134 LogParameter,"
    " flatten_param 135 FlattenParameter, input_param 143 InputParameter",
    "V1LayerParameter": "layer 1 V0LayerParameter, bottom 2 string*, top 3 string*, name 4 string,"
    " type 5 LayerType, blobs 6 BlobProto*, blobs_lr 7 float*, weight_decay 8 float*,"
    " concat_param 9 ConcatParameter, convolution_param 10 ConvolutionParameter,"
    " data_param 11 DataParameter, dropout_param 12 DropoutParameter,"
    " hdf5_data_param 13 HDF5DataParameter, image_data_param 15 ImageDataParameter,"
    " inner_product_param 17 InnerProductParameter, lrn_param 18 LRNParameter,"
    " pooling_param 19 PoolingParameter, window_data_param 20 WindowDataParameter,"
    " power_param 21 PowerParameter, memory_data_param 22 MemoryDataParameter,"
    " eltwise_param 24 EltwiseParameter, dummy_data_param 26 DummyDataParameter,"
    " accuracy_param 27 AccuracyParameter, relu_param 30 ReLUParameter,"
    " slice_param 31 SliceParameter, include 32 NetStateRule*, exclude 33 NetStateRule*,"
    " loss_weight 35 float*, transform_param 36 TransformationParameter,"
    " tanh_param 37 EngineParameter, sigmoid_param 38 EngineParameter,"
    " softmax_param 39 SoftmaxParameter, loss_param 42 LossParameter, param 1001 string*,"
    " blob_share_mode 1002 DimCheckMode*",
    "V0LayerParameter": "name 1 string, type 2 string, num_output 3 int, biasterm 4 bool,"
    " weight_filler 5 FillerParameter, bias_filler 6 FillerParameter, pad 7 int, kernelsize 8 int,"
    " group 9 int, stride 10 int, pool 11 PoolMethod, dropout_ratio 12 float, local_size 13 int,"
    " alpha 14 float, beta 15 float, source 16 string, scale 17 float, meanfile 18 string,"
    " batchsize 19 int, cropsize 20 int, mirror 21 bool, k 22 float, blobs 50 BlobProto*,"
    " blobs_lr 51 float*, weight_decay 52 float*, rand_skip 53 int, new_num 60 int,"
    " new_channels 61 int, new_height 62 int, new_width 63 int, shuffle_images 64 bool,"
    " concat_dim 65 int",
    "BlobProto": "num 1 int, channels 2 int, height 3 int, width 4 int, data 5 float+,"
    " diff 6 float+, shape 7 BlobShape, double_data 8 double+, double_diff 9 double+",
    "BlobShape": "dim 1 int+",
    "NetState": "phase 1 Phase, level 2 int, stage 3 string*",
    "NetStateRule": "phase 1 Phase, min_level 2 int, max_level 3 int, stage 4 string*,"
    " not_stage 5 string*",
    "ParamSpec": "name 1 string, share_mode 2 DimCheckMode, lr_mult 3 float, decay_mult 4 float",
    "FillerParameter": "type 1 string, value 2 float, min 3 float, max 4 float, mean 5 float,"
    " std 6 float, sparse 7 int, variance_norm 8 VarianceNorm",
    "TransformationParameter": "scale 1 float, mirror 2 bool, crop_size 3 int, mean_file 4 string,"
    " mean_value 5 float*, force_color 6 bool, force_gray 7 bool",
    "LossParameter": "ignore_label 1 int, normalize 2 bool, normalization 3 NormalizationMode",
    "AccuracyParameter": "top_k 1 int, axis 2 int, ignore_label 3 int",
    "ConcatParameter": "concat_dim 1 int, axis 2 int",
    "ConvolutionParameter": "num_output 1 int, bias_term 2 bool, pad 3 int*, kernel_size 4 int*,"
    " group 5 int, stride 6 int*, weight_filler 7 FillerParameter, bias_filler 8 FillerParameter,"
    " pad_h 9 int, pad_w 10 int, kernel_h 11 int, kernel_w 12 int, stride_h 13 int,"
    " stride_w 14 int, engine 15 Engine, axis 16 int, force_nd_im2col 17 bool, dilation 18 int*",
    "DataParameter": "source 1 string, scale 2 float, mean_file 3 string, batch_size 4 int,"
    " crop_size 5 int, mirror 6 bool, rand_skip 7 int, backend 8 DB, force_encoded_color 9 bool,"
    " prefetch 10 int",
    "DropoutParameter": "dropout_ratio 1 float, scale_train 2 bool",
    "DummyDataParameter": "data_filler 1 FillerParameter*, num 2 int*, channels 3 int*,"
    " height 4 int*, width 5 int*, shape 6 BlobShape*",
    "EltwiseParameter": "operation 1 EltwiseOp, coeff 2 float*, stable_prod_grad 3 bool",
    "FlattenParameter": "axis 1 int, end_axis 2 int",
    "HDF5DataParameter": "source 1 string, batch_size 2 int, shuffle 3 bool",
    "ImageDataParameter": "source 1 string, scale 2 float, mean_file 3 string, batch_size 4 int,"
    " crop_size 5 int, mirror 6 bool, rand_skip 7 int, shuffle 8 bool, new_height 9 int,"
    " new_width 10 int, is_color 11 bool, root_folder 12 string",
    "InnerProductParameter": "num_output 1 int, bias_term 2 bool, weight_filler 3 FillerParameter,"
    " bias_filler 4 FillerParameter, axis 5 int, transpose 6 bool",
    "InputParameter": "shape 1 BlobShape*",
    "LogParameter": "base 1 float, scale 2 float, shift 3 float",
    "LRNParameter": "local_size 1 int, alpha 2 float, beta 3 float, norm_region 4 NormRegion,"
    " k 5 float, engine 6 Engine",
    "MemoryDataParameter": "batch_size 1 int, channels 2 int, height 3 int, width 4 int",
    "PoolingParameter": "pool 1 PoolMethod, kernel_size 2 int, stride 3 int, pad 4 int,"
    " kernel_h 5 int, kernel_w 6 int, stride_h 7 int, stride_w 8 int, pad_h 9 int, pad_w 10 int,"
    " engine 11 Engine, global_pooling 12 bool, round_mode 13 RoundMode",
    "PowerParameter": "power 1 float, scale 2 float, shift 3 float",
    "ReLUParameter": "negative_slope 1 float, engine 2 Engine",
    "EngineParameter": "engine 1 Engine",
    "ReshapeParameter": "shape 1 BlobShape, axis 2 int, num_axes 3 int",
    "SoftmaxParameter": "engine 1 Engine, axis 2 int",
    "SliceParameter": "slice_dim 1 int, slice_point 2 int*, axis 3 int",
    "WindowDataParameter": "source 1 string, scale 2 float, mean_file 3 string, batch_size 4 int,"
    " crop_size 5 int, mirror 6 bool",
}
"""Every message: its fields as `name number kind`, with * where repeated and + where packed too."""


def _fields(written: str) -> tuple[Field, ...]:
    found: list[Field] = []
    for line in written.split(","):
        name, number, kind = line.split()
        repeated = kind[-1] in "*+"
        found.append(Field(name, int(number), kind.rstrip("*+"), repeated, kind[-1] == "+"))
    return tuple(found)


MESSAGES: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {message: _fields(written) for message, written in _WRITTEN.items()}
)
"""Every message by name."""

BY_NAME: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {message: {field.name: field for field in fields} for message, fields in MESSAGES.items()}
)
BY_NUMBER: Mapping[str, Mapping[int, Field]] = MappingProxyType(
    {message: {field.number: field for field in fields} for message, fields in MESSAGES.items()}
)
