"""`alexnet draw …`: every figure is written where it was asked for, and mistakes are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.cli import draw, run
from cli.test_evaluate import CLASSES, checkpoint


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, and class folders that it can be shown."""
    folder = tmp_path_factory.mktemp("draw")
    random = np.random.default_rng(5)
    for split, each in (("train", 3), ("test", 2)):
        for name in CLASSES:
            (folder / "data" / split / name).mkdir(parents=True)
            for i in range(each):
                noise = random.integers(0, 256, (30, 30), np.uint8)
                Image.fromarray(noise).save(folder / "data" / split / name / f"{i}.png")
    checkpoint(folder / "net.safetensors", 0)
    return folder


def asked(there: Path, figure: str) -> list[str]:
    picture = str(there / "data" / "test" / CLASSES[0] / "0.png")
    data = ["--data", str(there / "data")]
    net = str(there / "net.safetensors")
    return {
        "architecture": ["tiny"],
        "confusion": [net, *data],
        "field": [net, picture, "--layer", "conv2a", "--row", "0"],
        "filters": [net],
        "maps": [net, picture, "--layer", "conv1", "--layer", "fc3a"],
        "neighbours": [net, *data, "--count", "3", "-k", "2"],
        "predictions": [net, *data, "--count", "4"],
        "responses": [net, *data, "--layer", "conv1b", "--channel", "2", "--count", "3"],
    }[figure]


@pytest.mark.parametrize("figure", [f for f in draw.FIGURES if f != "curves"])
@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_figures_are_written(figure: str, ending: str, there: Path, tmp_path: Path) -> None:
    out = tmp_path / f"figure{ending}"
    with pytest.raises(SystemExit) as left:
        run(["draw", figure, *asked(there, figure), "--out", str(out)])
    assert left.value.code == 0
    if ending == ".svg":
        assert "<svg" in out.read_text(encoding="utf-8")[:1000]
        return
    with Image.open(out) as drawn:
        assert drawn.width > 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["field", "NET", "PICTURE", "--layer", "conv2x"], "has no layer 'conv2x'; did you mean"),
        (["foo", "NET"], "no command is called 'draw foo'"),
        (["filter", "NET"], "no command is called 'draw filter'; did you mean 'draw filters'?"),
        (["field", "NET", "PICTURE", "--layer", "conv2a", "--row", "99"], "there is no row 99"),
        (["field", "NET", "nowhere.png", "--layer", "conv1a"], "nowhere.png: cannot be read"),
        (["maps", "NET", "NET"], "net.safetensors: "),
        (["maps", "NET", "PICTURE", "--layer", "fc99"], "has no layer 'fc99'"),
        (["responses", "NET", "--layer", "conv1a", "--channel", "500", "--data", "DATA"],
         "there is no channel 500"),
        (["neighbours", "NET", "--data", "DATA", "--layer", "logprob"], "logprob"),
        (["architecture", "papr"], "no network is called 'papr'; did you mean 'paper'?"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(
    words: list[str], said: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "NET": there / "net.safetensors",
        "PICTURE": there / "data" / "test" / CLASSES[0] / "0.png",
        "DATA": there / "data",
    }
    with pytest.raises(SystemExit) as left:
        run(["draw", *(str(places.get(word, word)) for word in words)])
    assert left.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    first = next(line for line in lines if not line.startswith("note: "))
    assert first.startswith("error: ") and said in first


def test_a_layer_by_the_papers_name_is_the_first_of_its_twins(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[bytes] = []
    for layer in ("conv2", "conv2a"):
        out = tmp_path / f"{layer}.png"
        words = asked(there, "field")
        words[words.index("conv2a")] = layer
        with pytest.raises(SystemExit):
            run(["draw", "field", *words, "--out", str(out)])
        drawn.append(out.read_bytes())
    assert drawn[0] == drawn[1]
    assert "conv2 is conv2a and conv2b; conv2a is drawn" in capsys.readouterr().err
