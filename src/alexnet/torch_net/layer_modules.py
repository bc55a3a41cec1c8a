"""Which nn.Module runs which kind of layer; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from torch import Tensor, nn

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Softmax,
    SumOfSquaresLoss,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.torch_net import elementwise, losses, modules, pooling, response_norm
from alexnet.torch_net.order import is_fused


def layer_module(layer: Layer, network: Network, arrays: Mapping[str, Tensor]) -> nn.Module:
    """The module that runs `layer`; `arrays` are its own, by names without the layer's."""
    match layer:
        case Input():
            return nn.Identity()
        case Conv():
            return modules.ConvModule(layer, network, arrays)
        case Local():
            return modules.LocalModule(layer, network, arrays)
        case FullyConnected():
            return modules.FullyConnectedModule(layer, arrays)
        case MaxPool():
            return pooling.MaxPoolModule(layer, network)
        case AveragePool():
            return pooling.AveragePoolModule(layer, network)
        case CrossMapNorm():
            return response_norm.CrossMapNormModule(layer)
        case WithinMapNorm():
            return response_norm.WithinMapNormModule(layer)
        case ContrastNorm():
            return response_norm.ContrastNormModule(layer)
        case Activation():
            return elementwise.ActivationModule(layer)
        case Dropout():
            return elementwise.DropoutModule(layer)
        case Softmax():
            return elementwise.SoftmaxModule()
        case Concat():
            return elementwise.ConcatModule()
        case ElementwiseSum():
            return elementwise.ElementwiseSumModule(layer.coefficients)
        case ElementwiseMax():
            return elementwise.ElementwiseMaxModule()
        case LogisticLoss():
            return losses.LogisticLossModule(fused=is_fused(layer, network))
        case CrossEntropyLoss():
            return losses.CrossEntropyLossModule(fused=is_fused(layer, network))
        case BinaryCrossEntropyLoss():
            return losses.BinaryCrossEntropyLossModule(fused=is_fused(layer, network))
        case SumOfSquaresLoss():
            return losses.SumOfSquaresLossModule()
        case _:
            assert_never(layer)
