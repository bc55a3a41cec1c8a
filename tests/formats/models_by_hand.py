"""One small net as the dicts of each of the three releases, put together by hand after the field
list of the semantics file (section 14), for the tests of what reads them.

Every matrix is filled by `matrix`, so that where a number came from can be told.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from formats import by_hand as hand

Fields = dict[str, Any]

SIDE, CLASSES = 8, 5


@cache
def matrix(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype("f4")


def layer(name: str, kind: str, outputs: int, *inputs: str, **fields: object) -> Fields:
    """What layers of every release have."""
    common: Fields = {
        "name": name, "type": kind, "outputs": outputs, "actsTarget": -1, "actsGradTarget": -1,
        "forceOwnActs": True, "gradConsumer": False, "requiresParams": False, "usesActs": True,
        "usesInputs": True, "conserveMem": 0,
    }  # fmt: skip
    if inputs:
        common |= {"inputs": list(inputs), "numInputs": [1] * len(inputs), "neuron": ""}
    return common | fields


def weights(kind: str, shapes: list[tuple[int, int]], biases: tuple[int, int], seed: int) -> Fields:
    order = np.asfortranarray if kind == "fc" else np.ascontiguousarray
    count = len(shapes)
    return {
        "initW": [0.01] * count, "initB": 0.5, "initWFunc": "", "initBFunc": "",
        "weightSource": [""] * count, "weightSourceMatrixIndices": [-1] * count,
        "weights": [order(matrix(*shape, seed + i)) for i, shape in enumerate(shapes)],
        "weightsInc": [order(matrix(*shape, seed + 50 + i)) for i, shape in enumerate(shapes)],
        "biases": matrix(*biases, seed + 90), "biasesInc": matrix(*biases, seed + 91),
        "epsW": [0.001 * (i + 1) for i in range(count)], "epsB": 0.002,
        "momW": [0.9] * count, "momB": 0.8, "wc": [0.004] * count,
    }  # fmt: skip


def windows(channels: list[int], image: list[int], groups: int, filters: int, side: int) -> Fields:
    """A 3x3 convolution with a padding of 1, which the parser negates; filters of all groups."""
    count = len(channels)
    return {
        "channels": channels, "padding": [-1] * count, "stride": [1] * count,
        "filterSize": [3] * count, "filters": filters, "groups": [groups] * count,
        "filterChannels": [c // groups for c in channels], "filterPixels": [9] * count,
        "imgSize": image, "imgPixels": [i * i for i in image], "modulesX": side,
        "modules": side * side, "randSparse": [False] * count, "filterConns": [[]] * count,
        "overSample": [1] * count, "initCFunc": "", "weightsPerFilter": [27] * count,
    }  # fmt: skip


def neuron(name: str, source: str, outputs: int, kind: str = "relu", **params: float) -> Fields:
    function = {"type": kind, "params": params, "usesActs": True, "usesInputs": False}
    return layer(name, "neuron", outputs, source, neuron=function, src_layer=source)


def net() -> list[Fields]:
    """conv1 (relu) - pool1 - norm1 - conv2 (two inputs, groups, unshared biases, tanh) - local3 -
    fc4 - probs, as the code of 2012 keeps it but for GPUs and rates.
    """
    conv1 = weights("conv", [(27, 16)], (16, 1), 100) | windows([3], [8], 1, 16, 8)
    conv2 = weights("conv", [(72, 32), (72, 32)], (512, 1), 200)
    conv2 |= windows([16, 16], [4, 4], 2, 32, 4)
    local3 = weights("local", [(16 * 288, 16)], (256, 1), 300) | windows([32], [4], 1, 16, 4)
    pool = {"channels": 16, "sizeX": 3, "stride": 2, "start": 0, "outputsX": 4, "pool": "max"}
    return [
        layer("data", "data", 3 * SIDE * SIDE, dataIdx=0),
        layer("labels", "data", 1, dataIdx=1),
        layer("conv1", "conv", 1024, "data", **conv1, sharedBiases=True, partialSum=4)
        | {"neuron": "relu"},
        neuron("conv1_neuron", "conv1", 1024),
        layer("pool1", "pool", 256, "conv1_neuron", **pool, imgSize=8, imgPixels=64),
        layer("norm1", "cmrnorm", 256, "pool1", channels=16, size=5, scale=0.0001 / 5, pow=0.75,
              blocked=False, imgSize=4, imgPixels=16),
        layer("conv2", "conv", 512, "norm1", "pool1", **conv2, sharedBiases=False, partialSum=4)
        | {"neuron": "tanh[1.5,0.5]"},
        neuron("conv2_neuron", "conv2", 512, "tanh", b=0.5, a=1.5),
        layer("local3", "local", 256, "conv2_neuron", **local3),
        layer("fc4", "fc", CLASSES, "local3", weightsPerFilter=[256],
              **weights("fc", [(256, CLASSES)], (1, CLASSES), 400)),
        layer("probs", "softmax", CLASSES, "fc4"),
        layer("logprob", "cost.logreg", 0, "labels", "probs", coeff=1.0),
    ]  # fmt: skip


def first_release() -> list[Fields]:
    """cuda-convnet: a list, inputs by their numbers, a dropout probability on every layer."""
    layers = net()
    numbers = {fields["name"]: number for number, fields in enumerate(layers)}
    for fields in layers:
        fields["dropout"] = 0.25 if fields["name"] == "fc4" else 0.0
        fields.pop("src_layer", None)
        if "inputs" in fields:
            fields["inputs"] = [numbers[name] for name in fields["inputs"]]
        if "weights" in fields:
            fields["weightSourceLayerIndices"] = [-1] * len(fields["inputs"])
    return layers


def of_2012() -> dict[str, Fields]:
    """A dict in no order, GPUs by number, schedules beside the rates, minDiv and topk."""
    schedule = {"type": "dexp", "params": {"tgtFactor": 250.0, "noiseStdev": 0.0, "numSteps": 4}}
    default: Fields = {"type": "default", "params": {}}
    layers = net()
    for fields in layers:
        fields |= {
            "gpu": -1 if fields["type"] == "data" else 0,
            "quantF": default,
            "quantB": default,
        }
        if "weights" in fields:
            count = len(fields["inputs"])
            fields |= {"schedW": schedule, "schedB": default, "superEps": 0.0, "superMom": 0.0,
                       "wball": [0.0] * count, "wballNormed": [0.0] * count,
                       "weightSourceLayers": [""] * count}  # fmt: skip
        if fields["type"] == "conv":
            fields |= {"wcNormMin": [0.0] * count, "wcNormMax": [0.0] * count}
    by_name = {fields["name"]: fields for fields in layers}
    by_name["norm1"]["minDiv"] = 2.0
    by_name["logprob"]["topk"] = 3
    return dict(sorted(by_name.items(), key=lambda entry: entry[0][::-1]))


def second_release() -> dict[str, Fields]:
    """cuda-convnet2: numbered layers, lists of GPUs, rates with their schedules, dropout2."""
    layers = net()
    half = layer("drop", "dropout2", 256, "local3", enable=True, keep=0.5)
    layers.insert(9, half)
    layers[10]["inputs"] = ["drop"]
    for number, fields in enumerate(layers):
        fields |= {"gpu": [0], "gpus": "0", "id": number, "numReplicas": 1}
        for key in ("conserveMem", "randSparse", "filterConns", "overSample"):
            fields.pop(key, None)
        if fields["type"] == "data":
            fields |= {"start": 0, "end": fields["outputs"], "gpu": [-1]}
        if "partialSum" in fields:
            fields["sumWidth"] = fields.pop("partialSum")
        if "weights" in fields:
            dexp = {"tgtFactor": 250.0, "numSteps": 4}
            fields["epsW"] = [
                {"type": "dexp", "params": {"base": b} | dexp} for b in fields["epsW"]
            ]
            fields["epsB"] = {"type": "const", "params": {"base": fields["epsB"]}}
            fields |= {"updatePeriod": 2, "weightSourceLayers": [""] * len(fields["inputs"]),
                       "wball": [0.0] * len(fields["inputs"])}  # fmt: skip
        if fields["type"] == "cmrnorm":
            fields["minDiv"] = 2.0
        if fields["type"].startswith("cost."):
            fields |= {
                "children": [],
                "aggregated": False,
                "topk": 3,
                "outputFilter": "lambda x: x",
            }
    return {fields["name"]: fields for fields in reversed(layers)}


RELEASES = {
    "cuda-convnet": first_release,
    "2012": of_2012,
    "cuda-convnet2": second_release,
}


def options(module: str, **values: object) -> bytes:
    """The OptionsParser of a run, an old-style object with Options in it."""
    given = {
        name: hand.instance(
            module,
            "Option",
            name=hand.text(name),
            value=hand.value(value),
            parser=f"c{module}\nIntegerOptionParser\n".encode(),
        )
        for name, value in values.items()
    }
    return hand.instance(module, "OptionsParser", options=hand.pairs(given))


def model(layers: object, module: str = "options", **state: object) -> bytes:
    """The pickle of a whole checkpoint."""
    content: Fields = {
        "epoch": 50, "batchnum": 7, "train_outputs": [({"logprob": [2.5, 0.75]}, 128)],
        "test_outputs": [({"logprob": [1.5, 0.5]}, 1024), ({"logprob": [1.25, 0.5]}, 1024)],
    }  # fmt: skip
    run = options(module, num_epochs=90, train_batch_range=list(range(1, 6)), data_path="/data")
    entries = {"model_state": hand.value(content | {"layers": layers} | state), "op": run}
    return hand.pickled(hand.pairs(entries))
