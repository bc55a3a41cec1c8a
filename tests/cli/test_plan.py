"""`alexnet plan`: what is printed adds up, what cannot be planned is one sentence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from cli.test_account import mistake, told

ASKED = ("plan", "paper", "--devices", "512", "--link", "100Gbit", "--device", "v100")


def test_a_plan_is_printed_with_its_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, *ASKED)
    assert re.search(r"\n data +486\.8 MB +88\.93 ms +388\.2 ", text)
    assert re.search(r"\n towers +319\.3 MB ", text)
    flat = " ".join(text.split())
    assert "assumed: arithmetic runs at 0.5 of the device's peak: an assumption" in flat
    assert "link is the limit 105 devices" in flat and "warm-up 100 steps" in flat


def test_json_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    tree: Any = json.loads(told(capsys, *ASKED, "--json"))
    assert tree["batch"] == 512 * 128 and tree["link"]["bytes_per_second"] == 12.5e9
    assert set(tree["schemes"]) == {
        *("data", "towers"), *(f"one-weird-trick-{x}" for x in "abc"),
    }  # fmt: skip
    for each in tree["schemes"].values():
        assert each["step_seconds"] == pytest.approx(
            each["compute_seconds"] + each["exposed_seconds"]
        )
        pictures_a_second = tree["batch"] / each["step_seconds"]
        alone = 128 / (128 * 4.136e9 / (0.5 * 15.7e12))
        assert each["speed_up"] == pytest.approx(pictures_a_second / alone, rel=1e-3)
        assert each["run_seconds"] == pytest.approx(90 * 20 * each["step_seconds"])
    assert tree["schemes"]["data"]["sent_bytes"] == pytest.approx(2 * 511 / 512 * 60_965_224 * 4)


def test_options_change_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    def of(*words: str) -> Any:
        return json.loads(told(capsys, *ASKED, "--scheme", "data", "--json", *words))

    usual, half = of(), of("--precision", "fp16")
    sent = [each["schemes"]["data"]["sent_bytes"] for each in (usual, half)]
    assert sent[1] * 2 == pytest.approx(sent[0])
    assert half["peak"] == 125e12 and half["memory"] == 16 * 2**30
    assert of("--batch", "1024")["batch_per_device"] == 2
    assert of("--bucket", "1GB")["schemes"]["data"]["messages"] == 1
    assert of("--latency", "0us")["schemes"]["data"]["communication_seconds"] == pytest.approx(
        sent[0] / 12.5e9
    )
    assert of("--epochs", "45")["schemes"]["data"]["run_seconds"] * 2 == pytest.approx(
        usual["schemes"]["data"]["run_seconds"]
    )
    assert list(of("--scheme", "one-weird-trick")["schemes"]) == [
        f"one-weird-trick-{x}" for x in "abc"
    ]
    told_own = told(capsys, *ASKED[:6], "--flops", "15.7T", "--scheme", "data", "--json")
    assert json.loads(told_own)["peak"] == 15.7e12 and json.loads(told_own)["memory"] is None


def test_a_network_without_towers_is_planned_without_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, "plan", "caffe", *ASKED[2:])
    assert "no towers: network 'caffe' has no towers to deal over devices" in " ".join(text.split())


def test_the_model_is_held_against_published_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(told(capsys, "plan", "--check").split())
    assert "published 6.25, predicted 5.273 to 6.755: inside" in text
    assert re.search(r"published 410\.2, predicted [\d.]+ to 405\.6: outside, 1\.1% above", text)
    tree: Any = json.loads(told(capsys, "plan", "--check", "--json"))
    assert [each["speed_up"] for each in tree] == [1.95, 3.74, 6.25, 410.2]
    assert "| published | 6.25 |" in told(capsys, "plan", "--check", "--markdown")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["plan"], "a network is missing; name one, or ask for --check"),
        (["plan", "papre", *ASKED[2:]], "no network is called 'papre'; did you mean 'paper'?"),
        (["plan", "paper", "--device", "v100"], "--link is missing"),
        (["plan", "paper", "--link", "100Gbit"], "either --device with a name or --flops"),
        ([*ASKED, "--flops", "1T"], "either --device with a name or --flops"),
        ([*ASKED, "--precision", "bf16"], "Tesla V100 SXM2 has no fast arithmetic in bf16"),
        ([*ASKED, "--precision", "fp8"], "no precision is called 'fp8'"),
        ([*ASKED[:6], "--device", "v10"], "no device is called 'v10'; did you mean 'v100'?"),
        ([*ASKED, "--scheme", "tower"], "no scheme is called 'tower'; did you mean 'towers'?"),
        ([*ASKED, "--batch", "1000"], "which 512 devices cannot share evenly; 1,024 they can"),
        ([*ASKED, "--efficiency", "2"], "--efficiency is 2; it must be a share of the peak"),
        ([*ASKED, "--epochs", "0"], "--epochs is '0'"),
        ([*ASKED, "--check"], "does not go with --check"),
        (["plan", "paper", "--devices", "0", *ASKED[4:]], "--devices is 0; it must be from 1"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in mistake(capsys, *words)[0]


def test_it_answers_without_numpy_or_torch() -> None:
    code = (
        "import sys\n"
        "from alexnet.cli import run\n"
        f"try: run({list(ASKED)})\n"
        "except SystemExit: print(sorted({'numpy', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
