"""Fine-tuning against learning from nothing: the same convolutions, the same few pictures and the
same number of epochs, by the command line as a person would use it.

    python benchmarks/fine_tuning.py DATA WORK [--pictures N] [--epochs N]

DATA as for `features.py`; WORK takes the pictures, the checkpoint and the runs, and a run that is
finished there is not run again. `--trials` runs other rates on 70% of the training pictures, tells
the errors on the rest, and tells nothing of the test pictures.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from features import CONTRACT, cifar, he, mean_image, trained, trunk
from learning import alexnet, metrics
from PIL import Image
from results import record

from alexnet.formats import Checkpoint, write
from alexnet.images import Split
from alexnet.network.catalog import get_network
from alexnet.network.codec import to_json

TRIED = 0.3
"""The share of the training pictures that rates are chosen by."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to learn the pictures.

    Attributes:
        name: for a person.
        words: of the command, beside the data, the epochs and the run; {work} is the folder.
        trials: settings tried in the place of those in `words`.
    """

    name: str
    words: tuple[str, ...]
    trials: tuple[tuple[str, ...], ...] = ()


def rates(lr: float, new: float) -> tuple[str, ...]:
    """Settings: `lr` for all layers but the fully-connected, which get `new`; twice as much for
    biases.
    """
    faster = json.dumps([{"layers": "fc*", "lr": new, "bias_lr": 2 * new}])
    return (f"lr={lr}", f"bias_lr={2 * lr}", f"layers={faster}")


FROM = ("--network", "caffe", "--from", "{work}/trunk.safetensors")
DRAWN = ("--network", "{work}/drawn.json", "--recipe", "finetune")
SCALED = ("mean=channel", "deviation=true")
WAYS = {
    "nothing": Way(
        name="from nothing",
        words=(*DRAWN, *(f"--set={x}" for x in (*SCALED, *rates(0.003, 0.003)))),
        trials=(rates(0.01, 0.01),),
    ),
    "frozen": Way(name="trained convolutions, frozen", words=(*FROM, "--freeze", "conv*")),
    "tuned": Way(
        name="trained convolutions, fine-tuned",
        words=FROM,
        trials=(
            ("batch_size=128", *rates(0.001, 0.01)),
            rates(0.001, 0.01),
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--trials", action="store_true")
    options = parser.parse_args()
    put_all(options.data, options.work, options.pictures, options.test)
    for name in options.ways if options.trials else ():
        for number, settings in enumerate(((), *WAYS[name].trials)):
            run = options.work / "runs" / f"{name}-trial-{number}"
            share = f"validation_share={TRIED}"
            learn(WAYS[name], options.work, run, options.epochs, (*settings, share))
            print(name, *settings, *figures(run)[:3], sep="; ", flush=True)
    if not options.trials:
        measure(options.work, options.ways, options.pictures, options.epochs)


def measure(work: Path, ways: list[str], pictures: int, epochs: int) -> None:
    """Every way once; all of them together are recorded."""
    rows: list[list[str]] = []
    for name in ways:
        run = work / "runs" / name
        learn(WAYS[name], work, run, epochs, ())
        rows.append([WAYS[name].name, *figures(run)])
        print(*rows[-1], sep="; ", flush=True)
    if ways == list(WAYS):
        note(rows, pictures, epochs)


def learn(way: Way, work: Path, run: Path, epochs: int, settings: tuple[str, ...]) -> None:
    begun = (run / "metrics.jsonl").exists()
    if begun and metrics(run)[-1]["kind"] == "test":
        return
    again = ["--resume"] if begun else []
    words = [word.replace("{work}", str(work)) for word in way.words]
    words += [f"--set={setting}" for setting in (f"epochs={epochs}", *settings)]
    words += ["--precision", "bf16", "--run", str(run), *again]
    alexnet("train", str(work / "pictures"), *words)


def figures(run: Path) -> list[str]:
    """Of a finished run: the last training and validation errors, the test error, the minutes."""
    rows = metrics(run)
    epoch = [row for row in rows if row["kind"] == "epoch"][-1]
    test = rows[-1]["test"]
    wrong = test["seen"] - test["right1"]
    return [
        f"{epoch['train_error']:.1%}",
        f"{epoch['validation_error']:.1%}",
        f"{epoch['clock']['seconds'] / 60:.1f}",
        f"{wrong / test['seen']:.1%}",
        f"{wrong:,} of {test['seen']:,}",
    ]


def put_all(data: Path, work: Path, pictures: int, test: int) -> None:
    """The pictures in folders, the network with He's draws, and a checkpoint of convolutions."""
    if (work / "trunk.safetensors").exists():
        return
    sample = cifar(data, pictures, test)
    put_pictures(sample.train, work / "pictures" / "train")
    put_pictures(sample.test, work / "pictures" / "test")
    (work / "drawn.json").write_text(to_json(he(get_network("caffe"))))
    body = trunk()
    learned = Checkpoint(body, trained(data), CONTRACT, mean_image=mean_image(data))
    write(learned, work / "trunk.safetensors")


def put_pictures(split: Split, folder: Path) -> None:
    """As PNG files in class folders."""
    for index in range(len(split)):
        place = folder / split.classes[split.labels[index]]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(split.read(index, 3)).save(place / f"{split.rows[index]}.png")


def note(rows: list[list[str]], pictures: int, epochs: int) -> None:
    record(
        "17-fine-tuning",
        title="Fine-tuning: few pictures, with and without trained convolutions",
        command=f"python benchmarks/fine_tuning.py DATA WORK --pictures {pictures}"
        f" --epochs {epochs}",
        wanted="trained convolutions far ahead of drawn ones after as many epochs",
        columns=["network", "training error", "validation error", "minutes", "test error", "wrong"],
        rows=rows,
        remark=f"{pictures:,} pictures of CIFAR-10's training set, 10% of them held out, and"
        f" {epochs} epochs; the loader enlarges 32 pixels to 259, and crops of 227 are shown."
        " Trained: `alexnet train PICTURES --network caffe --from CHECKPOINT` as it comes, with and"
        " without --freeze 'conv*'; the checkpoint holds Caffe's convolutions alone, so that fc6 to"
        " fc8 are drawn in every row. From nothing: the same network with He's draws, pixels of"
        " mean 0 and deviation 1, one rate for all layers. Rates were chosen with"
        f" {TRIED:.0%} of the training pictures held out.",
    )


if __name__ == "__main__":
    main()
