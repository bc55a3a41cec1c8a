"""Checkpoints of cuda-convnet, of the code of 2012 and of cuda-convnet2: pickled models, of which
nothing is run. They are written in `model_writing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alexnet.formats.checkpoint import (
    Beside,
    Checkpoint,
    Format,
    FormatError,
    TrainingState,
)
from alexnet.formats.cuda_convnet.document import Document
from alexnet.formats.cuda_convnet.model_arrays import BIASES, WEIGHTS, model_arrays, not_finite
from alexnet.formats.cuda_convnet.model_documents import model_documents
from alexnet.formats.cuda_convnet.model_layers import Matrix, ModelLayer, read_layers
from alexnet.formats.cuda_convnet.model_meta import META, BatchesMeta, read_meta
from alexnet.formats.cuda_convnet.model_network import (
    class_tree,
    connected,
    picture_side,
    same_sizes,
)
from alexnet.formats.cuda_convnet.model_notes import (
    options_note,
    options_of,
    outputs_notes,
    progress,
    saved_notes,
    spare_note,
)
from alexnet.formats.cuda_convnet.model_writing import write, write_model
from alexnet.formats.cuda_convnet.reader import Definition, read_documents
from alexnet.formats.cuda_convnet.rules import Dialect
from alexnet.formats.safe_pickle import first_bytes, is_dict, is_list, load_file, text, told
from alexnet.network.contract import ChannelOrder, InputContract
from alexnet.network.spec import Network

OPTIONS = ("options", "python_util.options")
CLASSES = (
    *("OptionsParser", "Option", "OptionExpression", "OptionParser", "IntegerOptionParser"),
    *("BooleanOptionParser", "StringOptionParser", "FloatOptionParser", "RangeOptionParser"),
    "ListOptionParser",
)
INERT = frozenset(f"{module}.{name}" for module in OPTIONS for name in CLASSES)
"""The classes of the options that are saved with a model (options.py): kept as plain records."""

NUMBERED = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
"""The name of a checkpoint: its epoch and its batch (gpumodel.py)."""

__all__ = [
    "FORMAT",
    "Model",
    "arrays",
    "definition",
    "documents",
    "holds_models",
    "load_model",
    "newest",
    "read_model",
    "recognise",
    "write_model",
]

MARKS = (b"model_state", b"OptionsParser")


@dataclass(frozen=True, eq=False)
class Model:
    """A checkpoint as it lies in its file.

    Attributes:
        path: the file.
        layers: each after those that it reads.
        dialect: the release that wrote it.
        state: what the file keeps beside the layers, `epoch` and `batchnum` among it.
        options: of the run, by name.
        notes: what was assumed.
    """

    path: Path
    layers: tuple[ModelLayer, ...] = field(repr=False)
    dialect: Dialect
    state: Mapping[str, object] = field(repr=False)
    options: Mapping[str, object] = field(repr=False)
    notes: tuple[str, ...] = ()


def recognise(head: bytes, name: str) -> bool:
    """Whether a file may be a model, from its first bytes, unpacked, and its name."""
    start = first_bytes(head)
    if any(mark in start for mark in MARKS):
        return True
    return start.startswith(b"\x80\x02") and NUMBERED.fullmatch(name) is not None


def newest(folder: Path) -> Path:
    """The newest of the checkpoints in a folder ConvNet__...: the highest epoch, then batch.

    Raises:
        FormatError: there is none, or the folder cannot be read.
    """
    try:
        found = [
            (int(match[1]), int(match[2]), path)
            for path in folder.iterdir()
            if (match := NUMBERED.fullmatch(path.name)) and path.is_file()
        ]
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if not found:
        raise FormatError(f"{folder}: holds no checkpoint called <epoch>.<batch>, 50.1 say")
    return max(found)[-1]


def load_model(path: Path) -> Model:
    """Reads a model file, or the newest in a folder of them; see `safe_pickle.load`.

    Raises:
        FormatError: no pickled model, a damaged one, or one that asks to run something.
    """
    folder = path if path.is_dir() else None
    path = path if folder is None else newest(folder)
    content = load_file(path, inert=INERT)
    entries = _entries(content)
    if "model_state" not in entries:
        raise FormatError(f"{path}: holds {told(content)} without 'model_state'; it is no model")
    state = _entries(entries["model_state"])
    if "layers" not in state:
        raise FormatError(
            f"{path}: 'model_state' is {told(entries['model_state'])} without 'layers'"
        )
    layers, notes = read_layers(state["layers"], str(path))
    chosen = () if folder is None else (f"{path.name} is the newest checkpoint in {folder.name}",)
    return Model(
        path=path,
        layers=layers,
        dialect=_dialect(layers, is_list(state["layers"])),
        state=state,
        options=options_of(entries.get("op")),
        notes=(*chosen, *notes),
    )


def documents(model: Model) -> tuple[Document, Document]:
    """The definition and the parameter file that a model stands for; see `model_documents`."""
    return model_documents(model.layers, model.dialect, str(model.path))


def definition(model: Model) -> Definition:
    """The network of a model and how it learns, with notes of what these cannot hold.

    Sparse connections and the tree of a `treefc`, which the files do not state, are the model's.

    Raises:
        FormatError: a layer that cannot be read, or that is not of the size that it says.
    """
    defined, learned = documents(model)
    found = read_documents(
        defined,
        learned if learned.sections else None,
        side=picture_side(model.layers),
        classes_tree=class_tree(model.layers),
    )
    network = replace(connected(found.network, model.layers), name=_name(model.path))
    same_sizes(network, model.layers)
    notes = [note for note in found.notes if not note.startswith("sparse connections are drawn")]
    return replace(found, network=network, dialect=model.dialect, notes=tuple(notes))


def arrays(model: Model, network: Network) -> tuple[dict[str, Matrix], dict[str, Matrix] | None]:
    """The learned arrays of a model's network and their velocities; see `model_arrays`.

    The velocities are None where the file has none. The sign is ours: W ← W + V.

    Raises:
        FormatError: a matrix is missing or has another shape than its layer's settings make it.
    """
    by_name = {layer.name: layer for layer in model.layers}
    weighted = [layer for layer in model.layers if layer.has(WEIGHTS[0])]
    moved = all(layer.has(WEIGHTS[1]) and layer.has(BIASES[1]) for layer in weighted)
    return model_arrays(by_name, network), (
        model_arrays(by_name, network, velocities=True) if moved and weighted else None
    )


def read_model(path: Path, _: Beside = Beside()) -> Checkpoint:  # noqa: B008  # frozen
    """A model file, or the newest in a folder of them, as a checkpoint.

    A model holds no mean of its pictures; that of a `batches.meta` beside it is taken, whose
    border and class names are too.

    Raises:
        FormatError: see `load_model`, `definition` and `arrays`.
    """
    model = load_model(path)
    found = definition(model)
    learned, velocities = arrays(model, found.network)
    beside = model.path.with_name(META)
    meta = read_meta(beside) if beside.is_file() else None
    contract, mean_image, said = _contract(model, found.network, meta)
    notes = (
        *saved_notes(model.state),
        *model.notes,
        *found.notes,
        *said,
        *options_note(model.options),
        *outputs_notes(model.state),
        *spare_note(model.state),
        *(() if velocities else ("the model holds no velocities; a run cannot go on from it",)),
        *not_finite(learned),
    )
    run = None if velocities is None else TrainingState(velocities, progress(model.state))
    try:
        return Checkpoint(
            network=found.network,
            arrays=learned,
            contract=contract,
            classes=meta.classes if meta else (),
            notes=tuple(dict.fromkeys(notes)),
            mean_image=mean_image,
            training=run,
        )
    except FormatError as error:
        raise FormatError(f"{model.path}: {error}") from None


def holds_models(folder: Path) -> bool:
    """Whether a folder is one ConvNet__… of numbered checkpoints, of which the newest is read."""
    try:
        return any(NUMBERED.fullmatch(path.name) for path in folder.iterdir())
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from None


FORMAT = Format(
    name="cuda-convnet model",
    suffixes=(".convnet",),
    recognise=recognise,
    is_folder=holds_models,
    read=read_model,
    write=write,
)


def _entries(content: object) -> dict[str, object]:
    if not is_dict(content):
        return {}
    return {key: value for name, value in content.items() if (key := text(name)) is not None}


def _dialect(layers: tuple[ModelLayer, ...], in_list: bool) -> Dialect:
    """A list is the first release's; lists of GPUs and numbered layers are cuda-convnet2's."""
    if in_list:
        return "cuda-convnet"
    second = any(is_list(layer.fields.get("gpu")) or layer.has("numReplicas") for layer in layers)
    return "cuda-convnet2" if second else "2012"


def _name(path: Path) -> str:
    """That of the run's folder, where the file is one of its numbered checkpoints."""
    numbered = NUMBERED.fullmatch(path.name) is not None
    return path.resolve().parent.name if numbered else path.name.removesuffix(".convnet")


def _contract(
    model: Model, network: Network, meta: BatchesMeta | None
) -> tuple[InputContract, Matrix | None, tuple[str, ...]]:
    """RGB of 0 to 255; the mean, where one lies beside the model (semantics file, section 12)."""
    channels, side, _ = network.picture.shape
    orders: dict[int, ChannelOrder] = {3: "RGB", 1: "grey"}
    if channels not in orders:
        raise FormatError(f"{model.path}: takes pictures of {channels} channels; 1 or 3 are read")
    plain = InputContract(channel_order=orders[channels], pixel_maximum=255.0)
    given = model.options.get("scalar_mean")
    scalar = float(given) if isinstance(given, int | float) and abs(given) <= 255 else -1.0
    provider = text(model.options.get("dp_type")) or ""
    if scalar >= 0 and model.dialect == "cuda-convnet2" and provider != "cifar":
        return replace(plain, mean=(scalar,)), None, ()
    crop = model.options.get("crop_border")
    cropped = isinstance(crop, int) and "cropped" in provider and 0 <= crop <= 10_000
    border = crop if isinstance(crop, int) and cropped else 0
    mean = None if meta is None else meta.mean
    if mean is not None and mean.shape[0] == channels and mean.shape[1] >= side:
        border = border or (mean.shape[1] - side) // 2
        if scalar > 0 and model.dialect == "2012":
            return replace(plain, mean=(float(mean.mean()),), border_pixels=border), None, ()
        return replace(plain, mean_image=True, border_pixels=border), mean, ()
    if mean is None:
        said = f"the model holds no mean of its pictures, and no {META} with one lies beside it"
    else:
        size = "x".join(map(str, mean.shape))
        said = f"the mean in {META} is {size} and the network's pictures are {side} wide"
    said += "; nothing is subtracted"
    return replace(plain, border_pixels=border), None, (said,)
