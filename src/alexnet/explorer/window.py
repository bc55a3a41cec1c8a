"""One window under every tradition: how many fit, where they lie, what becomes of the far edge, and
the sentence for each.
"""

from __future__ import annotations

from alexnet.explorer.account import side_tree
from alexnet.explorer.asking import Parameters, Tree, known, whole
from alexnet.network.facts import edge
from alexnet.network.parts import Window
from alexnet.network.sizes import RULES, Operation, Rule, Side, side

LIMITS: dict[str, tuple[int, int]] = {
    "input": (1, 512),
    "kernel": (1, 64),
    "stride": (1, 64),
    "padding": (0, 32),
    "filters": (1, 4096),
}
"""The least and the greatest of each parameter."""

START = {"input": 224, "kernel": 11, "stride": 4, "padding": 0, "filters": 96}
"""The question that the page is named for: why 55?"""

TITLES: dict[tuple[Rule, Operation], str] = {
    ("cuda-convnet", "conv"): "cuda-convnet, 2012: convolution",
    ("cuda-convnet", "pool"): "cuda-convnet, 2012: pooling",
    ("caffe", "conv"): "Caffe: convolution",
    ("caffe", "pool"): "Caffe: pooling",
    ("torch", "conv"): "PyTorch: convolution",
    ("torch", "pool"): "PyTorch: pooling",
    ("same", "conv"): "TensorFlow, SAME: convolution",
    ("same", "pool"): "TensorFlow, SAME: pooling",
    ("valid", "conv"): "TensorFlow, VALID: convolution",
    ("valid", "pool"): "TensorFlow, VALID: pooling",
}
"""Who counts so."""

ABOUT: dict[Rule, str] = {
    "torch": "torch.nn.Conv2d and MaxPool2d: rounded down",
    "caffe": "Caffe: convolution rounded down, pooling up",
    "cuda-convnet": "cuda-convnet of 2012: rounded up, the last window may lie over the edge",
    "same": "TensorFlow's SAME: the input's side over the stride, rounded up",
    "valid": "TensorFlow's VALID: no padding, whole windows alone",
}
"""Each tradition in a sentence."""

LIES = ("outputs", "first", "before", "after", "last", "over", "unused", "neurons")
"""What is null where no window fits."""


def window_tree(given: Parameters) -> Tree:
    """The answer to `api/window`.

    Raises:
        AskError: a parameter is missing, or beyond its limits.
    """
    known(given, *LIMITS)
    asked = {
        name: whole(given, name, least, most, START["filters"] if name == "filters" else None)
        for name, (least, most) in LIMITS.items()
    }
    traditions = [_tradition(rule, operation, asked) for rule, operation in TITLES]
    answers = _answers(traditions)
    return {
        **asked,
        "traditions": traditions,
        "answers": answers,
        "sentence": _sentence(answers),
    }


def _tradition(rule: Rule, operation: Operation, asked: dict[str, int]) -> Tree:
    pixels, size, stride, padding = (asked[k] for k in ("input", "kernel", "stride", "padding"))
    head: Tree = {"rule": rule, "operation": operation, "title": TITLES[rule, operation]}
    own = 0 if rule in ("same", "valid") else padding
    try:
        found = side(rule, operation, pixels, size, stride, own)
    except ValueError as error:
        return {**head, **dict.fromkeys(LIES), "sentence": "", "edge": "", "refused": str(error)}
    window = Window(size=size, stride=stride, padding=found.before if rule == "same" else own)
    lies = side_tree(found, window, pixels)
    del lies["input"]
    return {
        **head,
        **lies,
        "edge": edge(found, window.padding),
        "neurons": _neurons(found, asked["filters"]),
        "refused": None,
    }


def _neurons(found: Side, filters: int) -> Tree:
    count = found.outputs * found.outputs * filters
    return {"value": count, "sentence": f"{found.outputs}·{found.outputs}·{filters}"}


def _answers(traditions: list[Tree]) -> list[Tree]:
    """The different counts, the least first, each with who comes to it."""
    found: dict[int, list[str]] = {}
    for each in traditions:
        if isinstance(each["outputs"], int):
            found.setdefault(each["outputs"], []).append(f"{each['rule']} {each['operation']}")
    return [{"outputs": count, "rules": found[count]} for count in sorted(found)]


def _sentence(answers: list[Tree]) -> str:
    if not answers:
        return "Under no tradition does a window fit."
    said = [f"{a['outputs']} ({', '.join(map(str, a['rules']))})" for a in answers]  # pyright: ignore[reportArgumentType]
    if len(said) == 1:
        return f"Every tradition that fits comes to {answers[0]['outputs']}."
    return f"The traditions part: {', '.join(said)}."


def rules_about() -> list[Tree]:
    """Each tradition with its sentence."""
    return [{"rule": rule, "sentence": ABOUT[rule]} for rule in RULES]
