"""The closed union of layer kinds: frozen values that say what a layer is, and compute nothing.

Where the traditions disagree (rounding, alpha's divisor, an average's divisor, dropout's scaling) a
field has no default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from alexnet.network.parts import Constant as Constant
from alexnet.network.parts import Drawn as Drawn
from alexnet.network.parts import FanInGaussian as FanInGaussian
from alexnet.network.parts import FanInUniform as FanInUniform
from alexnet.network.parts import Gaussian as Gaussian
from alexnet.network.parts import Initial as Initial
from alexnet.network.parts import Kernel as Kernel
from alexnet.network.parts import LayerBase as LayerBase
from alexnet.network.parts import Shared as Shared
from alexnet.network.parts import Window as Window
from alexnet.network.picture_layers import Blur as Blur
from alexnet.network.picture_layers import ColourTransform as ColourTransform
from alexnet.network.picture_layers import Nailbed as Nailbed
from alexnet.network.picture_layers import PictureTransform as PictureTransform
from alexnet.network.picture_layers import RandomScale as RandomScale
from alexnet.network.picture_layers import Reflection as Reflection
from alexnet.network.picture_layers import Resize as Resize
from alexnet.network.sizes import Rule


@dataclass(frozen=True, kw_only=True)
class Input(LayerBase):
    """What comes from outside: a picture, or the labels that a loss reads. `shape` is (channels,
    height, width).
    """

    kind: ClassVar[str] = "input"
    shape: tuple[int, int, int]
    content: Literal["picture", "labels"] = "picture"


@dataclass(frozen=True, kw_only=True)
class Conv(LayerBase):
    """Correlation with shared weights: one kernel per input, results summed, one bias.

    `bias` is one number per filter ("shared"), one per output unit ("unshared"), or absent
    ("none").
    """

    kind: ClassVar[str] = "conv"
    filters: int
    kernels: tuple[Kernel, ...]
    rule: Rule
    bias: Literal["shared", "unshared", "none"] = "shared"
    initial_bias: Drawn = Constant(0.0)


@dataclass(frozen=True, kw_only=True)
class Local(LayerBase):
    """A convolution whose weights differ at every position; one bias per output unit unless `bias`
    is "none".
    """

    kind: ClassVar[str] = "local"
    filters: int
    kernels: tuple[Kernel, ...]
    rule: Rule
    bias: Literal["shared", "unshared", "none"] = "unshared"
    initial_bias: Drawn = Constant(0.0)


@dataclass(frozen=True, kw_only=True)
class FullyConnected(LayerBase):
    """Every output reads every element of every input, flattened channel, then row, then column.

    `initial` holds one entry per input. With `groups` > 1 inputs and outputs are dealt into
    separate sets.
    """

    kind: ClassVar[str] = "fully-connected"
    outputs: int
    initial: tuple[Initial, ...]
    groups: int = 1
    bias: Literal["shared", "none"] = "shared"
    initial_bias: Drawn = Constant(0.0)


@dataclass(frozen=True, kw_only=True)
class TreeConnected(LayerBase):
    """A fully-connected layer over a tree of classes: a leaf's weights are the sum of the vectors
    along its path from the root (2012's `treefc`; softmaxtree.cu).

    `parents` has one entry per node: the node above it, or its own number at the root. The first
    `outputs` nodes are the leaves. Leaves start as `initial` says, inner nodes at 0.
    """

    kind: ClassVar[str] = "tree-connected"
    outputs: int
    parents: tuple[int, ...]
    initial: Drawn
    initial_bias: Drawn = Constant(0.0)


@dataclass(frozen=True, kw_only=True)
class MaxPool(LayerBase):
    """The largest value of each window, over the pixels that exist.

    With `by_magnitude` the one farthest from 0, its sign kept (cuda-convnet's `maxabs`).
    """

    kind: ClassVar[str] = "max-pool"
    window: Window
    rule: Rule
    by_magnitude: bool = False


@dataclass(frozen=True, kw_only=True)
class AveragePool(LayerBase):
    """The mean of each window; what it divides by is the traditions' quarrel.

    `divisor`: "inside" counts the pixels of the map (cuda-convnet, TensorFlow), "padded" those of
    the map and its padding (Caffe, torch's default), "window" always size², "one" only sums
    (cuda-convnet2's `sum=1`).
    """

    kind: ClassVar[str] = "average-pool"
    window: Window
    rule: Rule
    divisor: Literal["inside", "padded", "window", "one"]


@dataclass(frozen=True, kw_only=True)
class RandomPool(LayerBase):
    """One pixel of each window, drawn while training (2012's `pool=rand`).

    The kernel that draws was never released. Ours takes every pixel that exists with equal
    probability; at test time the window's mean, which is what that expects.
    """

    kind: ClassVar[str] = "random-pool"
    window: Window
    rule: Rule


@dataclass(frozen=True, kw_only=True)
class CrossMapPool(LayerBase):
    """The largest of `size` neighbouring maps, pixel by pixel (cuda-convnet2's `cmpool`).

    Window i covers maps start + i · stride … + size − 1 that exist; `outputs` says how many windows
    there are.
    """

    kind: ClassVar[str] = "cross-map-pool"
    size: int
    stride: int
    start: int = 0
    outputs: int


@dataclass(frozen=True, kw_only=True)
class CrossMapNorm(LayerBase):
    """Local response normalisation over neighbouring maps: y = x · (k + a · Σ x²)^-beta.

    The sum runs over maps i − size//2 … i − size//2 + size − 1 that exist; it never leaves one of
    `groups` equal sets of maps, so a window never crosses a tower's border. a is alpha, or alpha /
    size where `alpha_divided`. With `blocked` the neighbourhood is the fixed block of `size` maps
    that holds map i.
    """

    kind: ClassVar[str] = "cross-map-norm"
    size: int
    alpha: float
    alpha_divided: bool
    beta: float
    k: float
    groups: int = 1
    blocked: bool = False


@dataclass(frozen=True, kw_only=True)
class WithinMapNorm(LayerBase):
    """Response normalisation inside one map: the sum runs over a size × size window, clipped at the
    borders.

    a is alpha, or alpha / size² where `alpha_divided` (also at the borders).
    """

    kind: ClassVar[str] = "within-map-norm"
    size: int
    alpha: float
    alpha_divided: bool
    beta: float
    k: float


@dataclass(frozen=True, kw_only=True)
class ContrastNorm(LayerBase):
    """As the within-map norm, but the squares are of x minus its window's mean; the numerator stays
    x.

    Backward follows cuda-convnet: the local mean is held constant.
    """

    kind: ClassVar[str] = "contrast-norm"
    size: int
    alpha: float
    alpha_divided: bool
    beta: float
    k: float


Function = Literal[
    "relu",
    "bounded-relu",
    "noisy-relu",
    "soft-relu",
    "logistic",
    "tanh",
    "soft-threshold",
    "abs",
    "square",
    "sqrt",
    "log",
    "linear",
    "identity",
]
"""Element-wise functions of cuda-convnet's `neuron=`, by their plain names."""


@dataclass(frozen=True, kw_only=True)
class Activation(LayerBase):
    """An element-wise function; `parameters` in the order of cuda-convnet's `name[a,b]`.

    relu max(0, x) · bounded-relu[a] min(a, max(0, x)) · noisy-relu max(0, r + N(0, sd r)) with r =
    relu · soft-relu log(1 + e^x), x itself beyond 4 · logistic · tanh[a, b] a·tanh(b·x) · soft-
    threshold[a] x − a·tanh(x/a) · abs · square · sqrt · log[a] log(a + x) · linear[a, b] a·x + b ·
    identity.
    """

    kind: ClassVar[str] = "activation"
    function: Function
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dropout(LayerBase):
    """Each unit is kept with probability `keep` while training.

    `scaling` "test" multiplies by keep at test time (2012); "train" divides by keep while training
    (today). One that is not `enabled` does at all times what it does at test time.
    """

    kind: ClassVar[str] = "dropout"
    keep: float
    scaling: Literal["test", "train"]
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Softmax(LayerBase):
    """exp(x) over its sum, across all units of one picture."""

    kind: ClassVar[str] = "softmax"


@dataclass(frozen=True, kw_only=True)
class Concat(LayerBase):
    """Stacks its inputs along the channels."""

    kind: ClassVar[str] = "concat"


@dataclass(frozen=True, kw_only=True)
class ElementwiseSum(LayerBase):
    """Σ coefficient · input, element by element; `coefficients` has one entry per input."""

    kind: ClassVar[str] = "elementwise-sum"
    coefficients: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ElementwiseMax(LayerBase):
    """The largest of its inputs, element by element; every one that ties gets the gradient."""

    kind: ClassVar[str] = "elementwise-max"


@dataclass(frozen=True, kw_only=True)
class LogisticLoss(LayerBase):
    """Multinomial logistic regression: reads labels, then a softmax; −log of the label's
    probability.

    `coefficient` scales the gradient only; `top` is the k of the reported top-k error.
    """

    kind: ClassVar[str] = "logistic-loss"
    coefficient: float = 1.0
    top: int = 1


@dataclass(frozen=True, kw_only=True)
class CrossEntropyLoss(LayerBase):
    """Reads a distribution over labels, then a softmax: −Σ t·log y, log 0 taken as −50 (cuda-
    convnet).
    """

    kind: ClassVar[str] = "cross-entropy-loss"
    coefficient: float = 1.0


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropyLoss(LayerBase):
    """Reads targets in [0, 1], then logistic units: −Σ w·t·log y + (1 − t)·log(1 − y), log 0 taken
    as −50; w is `positive_weight` (cuda-convnet2's `posWeight`).
    """

    kind: ClassVar[str] = "binary-cross-entropy-loss"
    coefficient: float = 1.0
    positive_weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SumOfSquaresLoss(LayerBase):
    """Σ x² over its one input."""

    kind: ClassVar[str] = "sum-of-squares-loss"
    coefficient: float = 1.0


@dataclass(frozen=True, kw_only=True)
class GatedSumOfSquaresLoss(LayerBase):
    """Reads a gate, one number per picture, then anything: gate · Σ x² (2012's `cost.gsum2`)."""

    kind: ClassVar[str] = "gated-sum-of-squares-loss"
    coefficient: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RobustLoss(LayerBase):
    """Reads targets, then outputs: Σ ln(1 + (y − t)²) (2012's `cost.rflickr`)."""

    kind: ClassVar[str] = "robust-loss"
    coefficient: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SubsetSoftmaxLoss(LayerBase):
    """Reads labels, then scores: −log of the probability that the label is among `set_size` chosen
    classes, a set's probability growing with exp of its scores' sum (2012's `cost.msm`).
    """

    kind: ClassVar[str] = "subset-softmax-loss"
    set_size: int
    coefficient: float = 1.0


Norm = CrossMapNorm | WithinMapNorm | ContrastNorm
Loss = (
    LogisticLoss
    | CrossEntropyLoss
    | BinaryCrossEntropyLoss
    | SumOfSquaresLoss
    | GatedSumOfSquaresLoss
    | RobustLoss
    | SubsetSoftmaxLoss
)
Pool = MaxPool | AveragePool | RandomPool
Weighted = Conv | Local | FullyConnected | TreeConnected
Unweighted = (
    Input
    | Pool
    | CrossMapPool
    | PictureTransform
    | Norm
    | Activation
    | Dropout
    | Softmax
    | Concat
    | ElementwiseSum
    | ElementwiseMax
    | Loss
)
Layer = Weighted | Unweighted
