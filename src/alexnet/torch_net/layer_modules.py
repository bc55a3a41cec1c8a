"""Which nn.Module runs which kind of layer; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from torch import Tensor, nn

from alexnet.network.layers import (
    Activation,
    AveragePool,
    BinaryCrossEntropyLoss,
    Blur,
    ColourTransform,
    Concat,
    ContrastNorm,
    Conv,
    CrossEntropyLoss,
    CrossMapNorm,
    CrossMapPool,
    Dropout,
    ElementwiseMax,
    ElementwiseSum,
    FullyConnected,
    GatedSumOfSquaresLoss,
    Input,
    Layer,
    Local,
    LogisticLoss,
    MaxPool,
    Nailbed,
    RandomPool,
    RandomScale,
    Reflection,
    Resize,
    RobustLoss,
    Softmax,
    SubsetSoftmaxLoss,
    SumOfSquaresLoss,
    TreeConnected,
    WithinMapNorm,
)
from alexnet.network.spec import Network
from alexnet.torch_net import (
    cross_map_pooling,
    elementwise,
    losses,
    modules,
    pooling,
    response_norm,
    subset_softmax,
    transforms,
    tree,
)
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
            return modules.FullyConnectedModule(layer, network, arrays)
        case TreeConnected():
            return tree.TreeConnectedModule(layer, arrays)
        case MaxPool():
            return pooling.MaxPoolModule(layer, network)
        case AveragePool():
            return pooling.AveragePoolModule(layer, network)
        case RandomPool():
            return pooling.RandomPoolModule(layer, network)
        case CrossMapPool():
            return cross_map_pooling.CrossMapPoolModule(layer, network)
        case Blur():
            return transforms.BlurModule(layer)
        case Nailbed():
            return transforms.NailbedModule(layer, network)
        case Resize():
            return transforms.ResizeModule(layer, network)
        case RandomScale():
            return transforms.RandomScaleModule(layer, network)
        case Reflection():
            return transforms.ReflectionModule()
        case ColourTransform():
            return transforms.ColourTransformModule(layer)
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
            return losses.BinaryCrossEntropyLossModule(layer, fused=is_fused(layer, network))
        case SumOfSquaresLoss():
            return losses.SumOfSquaresLossModule()
        case GatedSumOfSquaresLoss():
            return losses.GatedSumOfSquaresLossModule()
        case RobustLoss():
            return losses.RobustLossModule()
        case SubsetSoftmaxLoss():
            return subset_softmax.SubsetSoftmaxLossModule(layer)
        case _:
            assert_never(layer)
