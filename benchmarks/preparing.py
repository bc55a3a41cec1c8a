"""How fast pictures become records, and what their encoding costs them.

    python benchmarks/preparing.py PICTURES       a folder of class folders of full-size pictures

Give OMP_NUM_THREADS=1: rates are for one core. Writes docs/results/7-preparing.json and two more.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from operator import truediv
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image
from results import record as write_result

from alexnet.images.decode import decode, fit
from alexnet.images.preparing import Settings, prepare, record
from alexnet.images.statistics import Sums

SIDE = 256
PAIRS = 5
COPIES = 6
"""Times that each picture is prepared, so that a few of them fill a shard."""


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, which no other program's work lengthens much."""
    began = time.process_time()
    work()
    return time.process_time() - began


def pillow_alone(paths: Sequence[Path], quality: int | None) -> None:
    """Opens each picture, scales its shorter side to 256, and keeps the central square."""
    for path in paths:
        with Image.open(path) as image:
            width, height = image.size
            shorter = min(width, height)
            size = (round(width * SIDE / shorter), round(height * SIDE / shorter))
            scaled = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        square = scaled.crop((left, top, left + SIDE, top + SIDE))
        if quality is None:
            np.asarray(square)
        else:
            square.save(io.BytesIO(), "JPEG", quality=quality, subsampling=0)


def prepared(folder: Path) -> None:
    """The whole command but for its start: records, checksums, statistics, on the disk."""
    with tempfile.TemporaryDirectory() as place:
        prepare(str(folder), Path(place) / "store", settings=Settings(), workers=1)


def stages(paths: Sequence[Path]) -> dict[str, float]:
    """Seconds of each step, picture after picture as they are prepared."""
    spent = {"decoding": 0.0, "scaling": 0.0, "encoding": 0.0, "statistics": 0.0}
    sums = Sums(SIDE)
    for path in paths:
        data = path.read_bytes()
        began = time.process_time()
        picture = decode(data, path.name)
        decoded = time.process_time()
        square = fit(picture, SIDE)
        scaled = time.process_time()
        record.encode(square, 95)
        encoded = time.process_time()
        sums.add(square)
        ended = time.process_time()
        spent["decoding"] += decoded - began
        spent["scaling"] += scaled - decoded
        spent["encoding"] += encoded - scaled
        spent["statistics"] += ended - encoded
    return spent


def copied(folder: Path, place: Path) -> None:
    """The class folders with every picture COPIES times, as links."""
    for path in sorted(folder.glob("*/*")):
        (place / path.parent.name).mkdir(exist_ok=True)
        for copy in range(COPIES):
            (place / path.parent.name / f"{copy}-{path.name}").symlink_to(path.resolve())


def speed(folder: Path) -> None:
    originals = sorted(folder.glob("*/*"))
    paths = sorted(folder.glob("*/*")) * COPIES
    ours, alone, saving, parts = [], [], [], []
    with tempfile.TemporaryDirectory() as place:
        copied(folder, Path(place))
        for _ in range(PAIRS):
            ours.append(seconds(lambda: prepared(Path(place))) / len(paths))
            alone.append(seconds(lambda: pillow_alone(paths, None)) / len(paths))
            saving.append(seconds(lambda: pillow_alone(paths, 95)) / len(paths))
            parts.append({k: v / len(originals) for k, v in stages(originals).items()})
    pillow = [
        f"{1 / statistics.median(times):.0f} ({statistics.median(map(truediv, times, ours)):.2f})"
        for times in (alone, saving)
    ]
    shares = {
        name: statistics.median(part[name] / whole for part, whole in zip(parts, ours, strict=True))
        for name in parts[0]
    }
    rest = 1 - sum(shares.values())
    write_result(
        "7-preparing",
        title="Preparing pictures: images a second on one core",
        command="OMP_NUM_THREADS=1 python benchmarks/preparing.py PICTURES",
        wanted="the speed of Pillow alone",
        columns=[
            "alexnet prepare",
            "Pillow, writing nothing (ratio)",
            "Pillow, encoding too (ratio)",
            *shares,
            "rest",
        ],
        rows=[
            [
                f"{1 / statistics.median(ours):.0f}",
                *pillow,
                *(f"{share:.0%}" for share in (*shares.values(), rest)),
            ]
        ],
        remark=f"{len(paths):,} full-size pictures ({len(originals)}, {COPIES} times), medians of "
        f"{PAIRS} interleaved runs, seconds of the processor. Pillow opens, scales and crops each; "
        "prepare also sums up statistics, encodes, and writes records with their checksums. The "
        "shares are of prepare's time, each step timed by itself.",
    )


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    error = np.square(one.astype(float) - other).mean()
    return 10 * float(np.log10(255**2 / error)) if error else 99.0


def encodings(paths: Sequence[Path]) -> None:
    squares = [fit(decode(path.read_bytes(), path.name), SIDE) for path in paths]
    rows: list[list[str]] = []
    for quality in (85, 90, 98, 95):  # what is chosen comes last
        for chroma in ("420", "444"):
            files = [simplejpeg.encode_jpeg(one, quality, "RGB", chroma) for one in squares]
            again = [simplejpeg.decode_jpeg(data, "RGB") for data in files]
            noise = [decibels(a, b) for a, b in zip(squares, again, strict=True)]
            size = statistics.mean(len(data) for data in files) / 1000
            worst = f"{statistics.median(noise):.1f}", f"{min(noise):.1f}"
            rows.append([str(quality), ":".join(chroma), f"{size:.1f}", *worst])
    write_result(
        "7-preparing-encodings",
        title="Records of 256 x 256: size and noise by the JPEGs' quality",
        command="python benchmarks/preparing.py PICTURES",
        wanted="a worst record above 35 dB; 95 with 4:4:4 is written",
        columns=["quality", "chroma", "kB a record", "median PSNR, dB", "worst PSNR, dB"],
        rows=rows,
        remark=f"{len(paths)} pictures; raw pixels are 196.6 kB a record.",
    )


def reductions(paths: Sequence[Path]) -> None:
    """Reduced against full decoding, at sides for which the pictures are large enough."""
    files = [path.read_bytes() for path in paths]
    rows: list[list[str]] = []
    for finer in (1, 1.5, 3, 2):  # what is chosen comes last
        noise: list[float] = []
        for side in (32, 48, 64, 96, 128):
            for data in files:
                record.FINER = finer
                reduced = record._reduced_square(data, side)
                if reduced is not None:
                    noise.append(decibels(reduced, fit(decode(data, ""), side)))
        rows.append(
            [
                f"{finer:g}",
                f"{len(noise):,}",
                f"{statistics.median(noise):.1f}",
                f"{min(noise):.1f}",
            ]
        )
    write_result(
        "7-preparing-reductions",
        title="Records of pictures that are decoded at half their size or less, against full ones",
        command="python benchmarks/preparing.py PICTURES",
        wanted="a worst record above 40 dB; 2 times the record's side is kept",
        columns=["least size / side", "records", "median PSNR, dB", "worst PSNR, dB"],
        rows=rows,
        remark="Sides of 32 to 128, for which these pictures are as large as camera pictures are "
        "for 256.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures")
    folder = Path(parser.parse_args().pictures)
    paths = sorted(folder.glob("*/*"))
    speed(folder)
    encodings(paths)
    reductions(paths)


if __name__ == "__main__":
    main()
