"""The three spellings of a layer as one: V0 (`layers { layer { type: "conv" } }`) and V1 (`layers {
type: CONVOLUTION }`) become V2 (`layer { type: "Convolution" }`).

The rules are those of BVLC/caffe, src/caffe/util/upgrade_proto.cpp.
"""

from __future__ import annotations

from dataclasses import replace

from alexnet.formats.caffe.message import Entry, Message
from alexnet.formats.caffe.schema import BY_NAME, ENUMERATIONS

_OWN_TYPES = {
    "ABSVAL": "AbsVal", "ARGMAX": "ArgMax", "BNLL": "BNLL", "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output", "IM2COL": "Im2col", "LRN": "LRN", "MVN": "MVN", "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss", "TANH": "TanH", "NONE": "",
}  # fmt: skip
V1_TYPES = {
    name: _OWN_TYPES.get(name, name.title().replace("_", "")) for name in ENUMERATIONS["LayerType"]
}
"""V2's name of every V1 type: most are CamelCase of the other."""

V0_TYPES = {
    "accuracy": "Accuracy", "bnll": "BNLL", "concat": "Concat", "conv": "Convolution",
    "data": "Data", "dropout": "Dropout", "euclidean_loss": "EuclideanLoss", "flatten": "Flatten",
    "hdf5_data": "HDF5Data", "hdf5_output": "HDF5Output", "im2col": "Im2col",
    "images": "ImageData", "infogain_loss": "InfogainLoss", "innerproduct": "InnerProduct",
    "lrn": "LRN", "multinomial_logistic_loss": "MultinomialLogisticLoss", "pool": "Pooling",
    "relu": "ReLU", "sigmoid": "Sigmoid", "softmax": "Softmax", "softmax_loss": "SoftmaxWithLoss",
    "split": "Split", "tanh": "TanH", "window_data": "WindowData",
}  # fmt: skip

V0_SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "conv": ("convolution_param", {
        "num_output": "num_output", "biasterm": "bias_term", "weight_filler": "weight_filler",
        "bias_filler": "bias_filler", "pad": "pad", "kernelsize": "kernel_size",
        "group": "group", "stride": "stride",
    }),
    "innerproduct": ("inner_product_param", {
        "num_output": "num_output", "biasterm": "bias_term", "weight_filler": "weight_filler",
        "bias_filler": "bias_filler",
    }),
    "pool": ("pooling_param", {
        "pool": "pool", "pad": "pad", "kernelsize": "kernel_size", "stride": "stride",
    }),
    "dropout": ("dropout_param", {"dropout_ratio": "dropout_ratio"}),
    "lrn": ("lrn_param", {"local_size": "local_size", "alpha": "alpha", "beta": "beta", "k": "k"}),
    "concat": ("concat_param", {"concat_dim": "concat_dim"}),
    "data": ("data_param", {
        "source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip",
    }),
    "images": ("image_data_param", {
        "source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip",
        "shuffle_images": "shuffle", "new_height": "new_height", "new_width": "new_width",
    }),
    "hdf5_data": ("hdf5_data_param", {"source": "source", "batchsize": "batch_size"}),
    "window_data": ("window_data_param", {"source": "source", "batchsize": "batch_size"}),
}  # fmt: skip
"""Of each V0 type: the V2 message that its settings go to, and their names there."""

TRANSFORM = {
    "scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror",
}  # fmt: skip
DATA_PARAMS = ("data_param", "image_data_param", "window_data_param")
PLAIN = ("bottom", "top", "name", "blobs", "loss_weight", "include", "exclude")


def layers_of(net: Message) -> list[Message]:
    """The layers of a net as V2 has them; what its version does not have is left as unknown."""
    old = net.messages("layers")
    if old:
        if net.messages("layer"):
            raise net.error("has both 'layer' and 'layers'; Caffe reads one of them")
        if any("layer" in layer for layer in old):
            old = [x if "layer" not in x else _from_v0(x) for x in _without_padding(old)]
        found = [_from_v1(layer) for layer in old]
    else:
        found = net.messages("layer")
    for layer in found:
        _raise_transform(layer)
    return found


def _from_v1(old: Message) -> Message:
    new = Message("LayerParameter", old.where, unknown=old.unknown)
    fields = BY_NAME["LayerParameter"]
    for name in old.fields:
        if name in PLAIN or name.endswith("_param"):
            assert name in fields, f"{name} is V1's alone"
            new.fields[name] = old.fields[name]
    if "type" in old:
        kind = old.text("type")
        new.add("type", V1_TYPES.get(kind, kind))
    params: list[Message] = []
    for before, after in (
        ("param", "name"), ("blob_share_mode", "share_mode"),
        ("blobs_lr", "lr_mult"), ("weight_decay", "decay_mult"),
    ):  # fmt: skip
        for index, entry in enumerate(old.fields.get(before, [])):
            if index == len(params):
                params.append(Message("ParamSpec", old.where))
            params[index].fields[after] = [entry]
    if params:
        new.fields["param"] = [Entry(param) for param in params]
    return new


def _from_v0(old: Message) -> Message:
    """A V0 layer with its settings where V1 has them, its type as a name already."""
    inner = old.message("layer")
    new = Message("V1LayerParameter", old.where, unknown=old.unknown + inner.unknown)
    for name in ("bottom", "top"):
        if name in old:
            new.fields[name] = old.fields[name]
    kind = inner.text("type")
    target, names = V0_SETTINGS.get(kind, ("", {}))
    for name, entries in inner.fields.items():
        if name in ("name", "blobs", "blobs_lr", "weight_decay"):
            new.fields[name] = entries
        elif name in names:
            _below(new, target).fields[names[name]] = entries
        elif name in TRANSFORM:
            _below(new, "transform_param").fields[TRANSFORM[name]] = entries
        elif name != "type":
            new.unknown.append(name)
    named = {v2: v1 for v1, v2 in V1_TYPES.items()}
    new.add("type", named.get(V0_TYPES.get(kind, ""), kind) if kind else "NONE")
    return new


def _below(message: Message, name: str) -> Message:
    if name not in message:
        kind = BY_NAME[message.kind][name].kind
        message.add(name, Message(kind, message.where))
    return message.message(name)


def _without_padding(layers: list[Message]) -> list[Message]:
    """V0 padded in a layer of its own; that becomes the padding of what reads it."""
    made: dict[str, Message] = {}
    kept: list[Message] = []
    for layer in layers:
        inner = layer.message("layer")
        for index, bottom in enumerate(layer.texts("bottom")):
            source = made.get(bottom)
            if source is None or source.message("layer").text("type") != "padding":
                continue
            if inner.text("type") not in ("conv", "pool") or len(source.texts("bottom")) != 1:
                raise layer.error(
                    f"'{inner.text('name')}' reads the padding '{bottom}'; only one conv or pool"
                    " layer with one bottom can"
                )
            inner.fields["pad"] = [Entry(source.message("layer").integer("pad", 0))]
            layer.fields["bottom"][index] = replace(
                layer.fields["bottom"][index], value=source.texts("bottom")[0]
            )
        if inner.text("type") != "padding":
            kept.append(layer)
        made |= dict.fromkeys(layer.texts("top"), layer)
    return kept


def _raise_transform(layer: Message) -> None:
    """What a data layer once did to its pictures is since told in transform_param."""
    for name in DATA_PARAMS:
        if name not in layer:
            continue
        below = layer.message(name)
        for moved in ("scale", "mean_file", "crop_size", "mirror"):
            if moved in below.fields:
                _below(layer, "transform_param").fields[moved] = below.fields.pop(moved)
