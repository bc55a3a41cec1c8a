"""A net of Caffe's so small that its files can be damaged byte by byte."""

from __future__ import annotations

import numpy as np

from formats.caffe_protocol import parsed

TEXT = """
name: "small"
layer {
  name: "data" type: "Input" top: "data"
  transform_param { scale: 0.5 mean_value: 104 mean_value: 117 mean_value: 123 }
  input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } }
}
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param {
    num_output: 4 kernel_size: 3 stride: 1 weight_filler { type: "xavier" }
  }
}
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }  # in place
layer {
  name: "norm1" type: "LRN" bottom: "conv1" top: "norm1"
  lrn_param { local_size: 3 alpha: 0.0001 beta: 0.75 }
}
layer {
  name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 }
}
layer {
  name: "fc2" type: "InnerProduct" bottom: "pool1" top: "fc2"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.01 } }
}
layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }
"""

OLD_TEXT = """
name: "small"
input: "data" input_dim: 1 input_dim: 3 input_dim: 6 input_dim: 6
layers {
  bottom: "data" top: "conv1" name: "conv1" type: CONVOLUTION
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  convolution_param { num_output: 4 kernel_size: 3 stride: 1 }
}
layers { bottom: "conv1" top: "conv1" name: "relu1" type: RELU }
layers {
  bottom: "conv1" top: "pool1" name: "pool1" type: POOLING
  pooling_param { pool: AVE kernel_size: 2 stride: 2 }
}
layers {
  bottom: "pool1" top: "fc2" name: "fc2" type: INNER_PRODUCT
  inner_product_param { num_output: 3 }
}
"""

SHAPES = {"conv1": ((4, 3, 3, 3), (4,)), "fc2": ((3, 16), (3,))}


def model(text: str) -> bytes:
    """The model file of one of the texts."""
    net = parsed(text)
    for layer in (*net.layer, *net.layers):
        for shape in SHAPES.get(layer.name, ()):
            blob = layer.blobs.add()
            blob.data.extend(np.linspace(-1, 1, int(np.prod(shape))).tolist())
            if blob.DESCRIPTOR.name == "OldBlobProto":
                padded = (1,) * (4 - len(shape)) + shape
                blob.num, blob.channels, blob.height, blob.width = padded
            else:
                blob.shape.dim.extend(shape)
    return net.SerializeToString()
