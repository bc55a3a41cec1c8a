"""Damages picture files and looks for anything but a record or one sentence that says why not.

    python benchmarks/mutated_pictures.py [PICTURES] [--count 10000] [--seed 0] [--record]
        [--kept FILE] [--seconds N]     outcomes are kept between calls; a call ends after N seconds

Files of all formats are drawn here; those of a folder of class folders, photographs, are added.
Each is mutated (bits, bytes and pieces changed, dropped, doubled, spliced; fields of headers set,
checksums of PNG chunks mended) and then made into a record, as `alexnet prepare` does it. Some more
are bombs: small files that announce or unpack to very much. The work is done in processes that may
take a bounded time and memory, so that a crash is counted and ends nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import io
import json
import multiprocessing
import os
import random
import resource
import signal
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from results import record as write_result

from alexnet.images.decode import PictureError
from alexnet.images.preparing.record import encode, square

SIDE = 256
SECONDS = 5
"""Of the processor, for each file; the system then ends the process."""

MEMORY = 4 * 2**30
"""Bytes of a process; a request beyond is refused."""

PHOTOGRAPHS = 60
WORKERS = 2


@dataclass(frozen=True)
class File:
    """A sound file, or a bomb, and its kind as the table has it."""

    kind: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a file: "decoded", "reported", "other", or of its process, "crash", "hang"."""

    what: str
    seconds: float = 0.0
    kilobytes: int = 0
    sentence: str = ""


def drawn(draw: random.Random, width: int, height: int) -> np.ndarray:
    """A picture with slopes, an edge and some noise, uint8 (height, width, 3)."""
    own = np.random.default_rng(draw.randrange(2**32))
    rows, columns = np.mgrid[:height, :width]
    slopes = np.stack([rows * 255 / height, columns * 255 / width, rows * 0 + 90], axis=2)
    slopes[height // 3 : height // 2, width // 4 :] += 60
    return (slopes + own.normal(0, 12, slopes.shape)).clip(0, 255).astype(np.uint8)


def sound_files(draw: random.Random) -> list[File]:
    """Every format that is read, in the forms that Pillow writes, in some sizes."""
    files: list[File] = []
    for size in ((1, 1), (17, 40), (96, 64), (180, 240), (640, 530)):
        image = Image.fromarray(drawn(draw, *size))
        files += [File(kind, data) for kind, data in _written(image)]
    return files


def _written(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    def saved(form: str, shown: Image.Image = image, **options: object) -> bytes:
        file = io.BytesIO()
        shown.save(file, form, **options)
        return file.getvalue()

    grey, palette = image.convert("L"), image.quantize(64)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    clear = image.copy()
    clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    baseline = saved("JPEG", quality=90)
    yield "JPEG", baseline
    yield "JPEG", saved("JPEG", quality=60, subsampling=0, restart_marker_blocks=4)
    yield "JPEG", saved("JPEG", progressive=True)
    yield "JPEG", saved("JPEG", grey, progressive=True)
    yield "JPEG", saved("JPEG", grey)
    yield "JPEG", saved("JPEG", image.convert("CMYK"))
    yield "JPEG", saved("JPEG", exif=exif)
    yield "JPEG", saved("JPEG", exif=exif, icc_profile=profile, progressive=True)
    yield "JPEG", gzip.compress(baseline, mtime=0)
    for shown in (image, clear, grey, deep, palette, image.convert("1"), grey.convert("LA")):
        yield "PNG", saved("PNG", shown)
    yield "PNG", saved("PNG", exif=exif, icc_profile=profile)
    yield "PNG", saved("PNG", palette, transparency=3)
    yield "GIF", saved("GIF", palette)
    yield "GIF", saved("GIF", palette, save_all=True, append_images=[palette], transparency=5)
    for shown in (image, grey, palette, image.convert("1")):
        yield "BMP", saved("BMP", shown)
    yield "WebP", saved("WEBP")
    yield "WebP", saved("WEBP", lossless=True, exif=exif)
    yield "WebP", saved("WEBP", clear, save_all=True, append_images=[clear])
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield "TIFF", saved("TIFF", compression=compression)
    yield "TIFF", saved("TIFF", deep, compression="tiff_lzw")
    yield "TIFF", saved("TIFF", image.convert("1"), compression="group4")
    yield "TIFF", saved("TIFF", image.convert("CMYK"))
    yield "TIFF", saved("TIFF", clear, compression="tiff_deflate", exif=exif)
    yield "PPM", saved("PPM")
    yield "PPM", saved("PPM", deep)


def bombs() -> list[File]:
    """Small files that ask for very much, each as large as is still decoded, or larger."""
    black = [
        _png(side, side, zlib.compress(bytes((1 + side * 3) * 64))) for side in (9_999, 30_000)
    ]
    whole = zlib.compressobj(9)
    rows = b"".join(whole.compress(bytes(1 + 3 * 10_000)) for _ in range(10_000)) + whole.flush()
    files = [*black, _png(10_000, 10_000, rows), _png(2**31 - 1, 2**31 - 1, b"")]
    files.append(_png(8, 8, zlib.compress(bytes(200)), (b"zTXt", b"a\0\0" + _zeros(2**29))))
    files.append(_png(8, 8, zlib.compress(bytes(200)), (b"iCCP", b"a\0\0" + _zeros(2**29))))
    files += [_scans(side, scans) for side in (64, 2_048, 9_984) for scans in (20, 90, 3_000)]
    files.append(b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(64))
    files.append(gzip.compress(gzip.compress(bytes(2**30), 9, mtime=0), mtime=0))
    files.append(gzip.compress(bytes(2**30), mtime=0))
    files.append(b"P6 10000 10000 255\n" + bytes(1_000))
    files.append(b"P6 9999999999 9999999999 255\n")
    files.append(b"P3 9000 9000 255\n" + b"0 " * 1_000)
    files.append(
        b"BM" + struct.pack("<IIIIiiHHII", 70, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0)
    )
    return [File("bombs", data) for data in files]


def _png(width: int, height: int, pixels: bytes, *others: tuple[bytes, bytes]) -> bytes:
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    parts = [head, *others, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def _zeros(count: int) -> bytes:
    packed = zlib.compressobj(9)
    return b"".join(packed.compress(bytes(2**20)) for _ in range(count >> 20)) + packed.flush()


def _scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose one component is said again `count` times, a few bytes each time."""
    head = io.BytesIO()
    Image.new("L", (side, side)).save(head, "JPEG", progressive=True)
    data = head.getvalue()
    last = data.rindex(b"\xff\xda")  # of an AC band, refined; all its blocks are empty
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def mutated(draw: random.Random, files: Sequence[File], of: File) -> bytes:
    """A file with one to four changes; of most PNGs the checksums hold again."""
    data = bytearray(of.data)
    for _ in range(draw.randint(1, 4)):
        draw.choice(CHANGES)(draw, data, files)
    if data.startswith(b"\x89PNG") and draw.random() < 0.7:
        _mend(data)
    return bytes(data)


def _bits(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    for _ in range(draw.choice([1, 1, 3, 20]) if data else 0):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _head_bits(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    for _ in range(draw.randint(1, 4) if data else 0):
        data[draw.randrange(min(len(data), 700))] = draw.randrange(256)


def _field(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    """Two or four bytes of the header, as small or as large as they can be."""
    at, size = draw.randrange(min(len(data), 700) + 1), draw.choice([2, 4])
    value = draw.choice([0, 1, 255, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1])
    order = draw.choice(["big", "little"])
    data[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, order)


def _sizes(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    """Width and height, where the format has them."""
    pair = [draw.choice([0, 1, 7, 1_000, 9_000, 65_500]) for _ in "wh"]
    if data.startswith(b"\x89PNG"):
        data[16:24] = struct.pack(">II", *pair)
    elif data.startswith(b"BM"):
        data[18:26] = struct.pack("<ii", *pair)
    elif data.startswith(b"GIF"):
        data[6:10] = struct.pack("<HH", *pair)
    elif data.startswith(b"\xff\xd8"):
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            at = data.find(marker)
            if at >= 0:
                data[at + 5 : at + 9] = struct.pack(">HH", *pair)


def _cut(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    del data[draw.randrange(len(data) + 1) :]


def _dropped(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    at = draw.randrange(len(data) + 1)
    del data[at : at + draw.choice([1, 2, 8, 100, 5_000])]


def _doubled(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    at = draw.randrange(len(data) + 1)
    piece = data[at : at + draw.choice([1, 2, 8, 100, 5_000])]
    data[at:at] = piece * draw.choice([1, 1, 50])


def _spliced(draw: random.Random, data: bytearray, files: Sequence[File]) -> None:
    """A piece of another file, put in or laid over."""
    other = draw.choice(files).data
    begin = draw.randrange(len(other) + 1)
    piece = other[begin : begin + draw.choice([4, 64, 1_000, 20_000])]
    at = draw.randrange(len(data) + 1)
    data[at : at + draw.choice([0, len(piece)])] = piece


def _blank(draw: random.Random, data: bytearray, _: Sequence[File]) -> None:
    at = draw.randrange(len(data) + 1)
    length = min(len(data) - at, draw.choice([4, 64, 4_000]))
    data[at : at + length] = draw.choice([b"\0", b"\xff"]) * length


CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[File]], None], ...] = (
    _bits, _head_bits, _field, _sizes, _cut, _dropped, _doubled, _spliced, _blank,
)  # fmt: skip


def _mend(data: bytearray) -> None:
    """Rights the checksums of a PNG's chunks as far as they can be followed."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4


class Course:
    """All files to be tried, each made anew from the seed and its number."""

    def __init__(self, pictures: Path | None, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.sound = sound_files(random.Random(seed))
        self.kinds = list(dict.fromkeys(file.kind for file in self.sound))
        if pictures is not None:
            paths = sorted(pictures.glob("*/*"))
            some = random.Random(seed).sample(paths, min(PHOTOGRAPHS, len(paths)))
            self.sound += [File("photographs", path.read_bytes()) for path in some]
            self.kinds.append("photographs")
        self.bombs = bombs()
        self.kinds.append("bombs")

    def __len__(self) -> int:
        return self.count + len(self.bombs)

    def file(self, number: int) -> File:
        if number < len(self.bombs):
            return self.bombs[number]
        draw = random.Random(f"{self.seed} {number}")
        photographs = [file for file in self.sound if file.kind == "photographs"]
        from_photographs = photographs and draw.random() < 0.25
        of = draw.choice(photographs if from_photographs else self.sound)
        return File(of.kind, mutated(draw, self.sound, of))


def tried(data: bytes) -> Outcome:
    """The file made into a record; the clock of the system runs."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    began = time.process_time()
    try:
        encode(square(data, "picture", SIDE), 95)
        what, sentence = "decoded", ""
    except PictureError as error:
        what, sentence = "reported", error.reason
    except BaseException as error:  # noqa: BLE001  # what is being looked for
        what, sentence = "other", f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    signal.setitimer(signal.ITIMER_PROF, 0)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return Outcome(what, seconds, int(peak.split()[1]), sentence)


def worked(course: Course, numbers: Sequence[int], link: Any) -> None:
    """A process's life."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff speaks
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number in numbers:
        link.send((number, tried(course.file(number).data)))


def hunt(course: Course, numbers: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
    """Every file's outcome; a process that ends is counted and another goes on behind the file."""
    context = multiprocessing.get_context("fork")
    left: dict[Any, tuple[Any, Sequence[int]]] = {}

    def begin(some: Sequence[int]) -> None:
        if some:
            own, other = context.Pipe(duplex=False)
            process = context.Process(target=worked, args=(course, some, other))
            process.start()
            other.close()
            left[own] = (process, some)

    for first in range(WORKERS):
        begin(numbers[first::WORKERS])
    while left:
        for link in connection.wait(list(left)):
            process, some = left.pop(link)
            try:
                number, outcome = link.recv()
            except EOFError:
                process.join()
                if some:
                    hung = process.exitcode == -signal.SIGPROF
                    yield some[0], Outcome("hang" if hung else "crash", SECONDS * hung)
                    begin(some[1:])
                continue
            yield number, outcome
            left[link] = (process, some[1:])


def tried_out(
    course: Course, numbers: Sequence[int], seed: int
) -> Iterator[tuple[int, str, Outcome]]:
    """Outcomes with their kinds; a file that took long or worse is written down for a look."""
    for number, outcome in hunt(course, numbers):
        file = course.file(number)
        if outcome.what in ("other", "crash", "hang") or outcome.seconds > 2:
            place = Path(tempfile.gettempdir(), f"mutated-{seed}-{number}")
            place.write_bytes(file.data)
            print(f"{number} ({file.kind}), {outcome}: {place}", flush=True)
        yield number, file.kind, outcome


def row(kind: str, found: Sequence[Outcome]) -> list[str]:
    def times(what: str) -> str:
        return f"{sum(one.what == what for one in found):,}"

    counts = [times(what) for what in ("decoded", "reported", "other", "crash", "hang")]
    slowest = max(one.seconds for one in found)
    memory = max(one.kilobytes for one in found) / 2**20
    return [kind, f"{len(found):,}", *counts, f"{slowest:.2f} s", f"{memory:.1f} GiB"]


COLUMNS = ["kind", "files", "decoded", "reported", "other exceptions", "crashes",
           f"over {SECONDS} s", "slowest", "most memory"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="a file of outcomes, to go on with")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--record", action="store_true", help="write docs/results")
    given = parser.parse_args()
    course = Course(given.pictures, given.count, given.seed)
    kept: list[tuple[int, str, Outcome]] = []
    if given.kept and given.kept.exists():
        lines = given.kept.read_text().splitlines()
        kept = [(n, kind, Outcome(*of)) for n, kind, *of in map(json.loads, lines)]
    known, until = {number for number, _, _ in kept}, time.perf_counter() + given.seconds
    missing = [number for number in range(len(course)) if number not in known]
    for begin in range(0, len(missing), 500):
        if time.perf_counter() > until:
            break
        kept += tried_out(course, missing[begin : begin + 500], given.seed)
        if given.kept:
            lines = [json.dumps([n, kind, *dataclasses.astuple(one)]) for n, kind, one in kept]
            given.kept.write_text("\n".join(lines) + "\n")
    found = {kind: [one for _, of, one in kept if of == kind] for kind in course.kinds}
    rows = [row(kind, outcomes) for kind, outcomes in found.items() if outcomes]
    rows.append(row("all", [one for _, _, one in kept]))
    for line in [COLUMNS, *rows]:
        print("  ".join(line))
    if given.record:
        assert len(kept) == len(course), f"{len(kept):,} of {len(course):,} files tried; go on"
        write_result(
            "14-mutated-pictures",
            title="Damaged picture files: anything but a record or one sentence",
            command="python benchmarks/mutated_pictures.py PICTURES --record",
            wanted=f"no crash, no other exception, none over {SECONDS} s",
            columns=COLUMNS,
            rows=rows,
            remark=f"Seeded mutations of files drawn here in all forms, and of {PHOTOGRAPHS} "
            "photographs, made into records as `alexnet prepare` does; seconds of the processor, "
            "memory of the process. Bombs are small files that announce or unpack to very much.",
        )


if __name__ == "__main__":
    main()
