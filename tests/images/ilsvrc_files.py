"""A builder of miniature ILSVRC files in their true layout, with the oddities of the real ones.

Eight synsets, six of them classes, whose ids are not in the order of their WordNet ids.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
from scipy.io import savemat

SIDE = 16
"""Of the records that the tests prepare."""

WORDNET_IDS = ("n02000006", "n01000001", "n01000005", "n02000003", "n01000002", "n03000004")
"""By class: the ILSVRC id is the place from 1 on."""
WORDS = ("crane", "tench, Tinca tinca", "crane", "goose", "maillot, tank suit", "café")
VALIDATION_LABELS = (3, 1, 6, 6, 2, 5, 4)
"""ILSVRC ids, as the ground truth has them."""
TEST_LABELS = (2, 2, 5)


@dataclass(frozen=True)
class Made:
    """A picture file, and the colour that its record has all over; None where it is rejected."""

    name: str
    data: bytes
    colour: tuple[int, int, int] | None
    tolerance: int = 0


def colour_of(number: int) -> tuple[int, int, int]:
    """A colour for each picture, far enough from its neighbours' to be told apart."""
    return (40 + 37 * number % 160, 60 + 59 * number % 140, 30 + 83 * number % 170)


def plain(name: str, number: int) -> Made:
    """A landscape JPEG of three panels, of which the central square shows only the middle one."""
    colour = colour_of(number)
    picture = np.zeros((32, 96, 3), np.uint8)
    picture[:, 24:72] = colour
    return Made(name, jpeg(picture), colour, tolerance=3)


def jpeg(picture: np.ndarray | Image.Image, **options: object) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return saved(image, "JPEG", quality=98, subsampling=0, **options)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def odd_pictures(prefix: str) -> list[Made]:
    """What ImageNet has besides plain JPEGs."""
    grey = Image.new("L", (40, 24), 90)
    deep = Image.fromarray(np.full((24, 24), 150 * 256 + 255, np.uint16))
    turned = Image.new("RGB", (60, 20), "black")
    turned.paste((200, 40, 60), (15, 0, 45, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole = plain("", 5)
    files = [
        ("grey", jpeg(grey), (90, 90, 90), 1),
        ("cmyk", jpeg(Image.new("CMYK", (30, 20), (255, 0, 0, 0))), (0, 255, 255), 2),
        ("exif", jpeg(turned, exif=exif), (200, 40, 60), 3),
        ("png", saved(Image.new("RGB", (9, 30), (1, 2, 3)), "PNG"), (1, 2, 3), 0),
        ("deep", saved(deep, "PNG"), (150, 150, 150), 0),
        (
            "icc",
            jpeg(Image.new("RGB", (30, 30), (7, 99, 201)), icc_profile=profile),
            (7, 99, 201),
            3,
        ),
        ("tiny", saved(Image.new("RGB", (1, 1), (250, 128, 3)), "PNG"), (250, 128, 3), 0),
        ("zipped", gzip.compress(whole.data, mtime=0), whole.colour, 3),
        ("truncated", whole.data[: len(whole.data) // 2], None, 0),
        ("empty", b"", None, 0),
        ("text", b"<html>this image is no longer available</html>", None, 0),
    ]
    return [Made(f"{prefix}_{name}.JPEG", data, colour, more) for name, data, colour, more in files]


@dataclass(frozen=True)
class Miniature:
    """The pictures of a year: train by WordNet id, val and test in the order of their numbers, with
    their ILSVRC ids.
    """

    year: int
    train: dict[str, list[Made]]
    val: list[Made]
    test: list[Made]
    val_labels: tuple[int, ...] = VALIDATION_LABELS
    test_labels: tuple[int, ...] = TEST_LABELS

    def rejected(self) -> set[tuple[str, str]]:
        """(split, name) of each picture that is none."""
        train = {("train", f"{id}/{one.name}") for id in self.train for one in self.train[id]
                 if one.colour is None}  # fmt: skip
        return train | {("val", one.name) for one in self.val if one.colour is None}


def miniature(year: int = 2012) -> Miniature:
    train: dict[str, list[Made]] = {}
    number = 0
    for wordnet_id in WORDNET_IDS:
        train[wordnet_id] = []
        for _ in range(4):
            number += 1
            train[wordnet_id].append(plain(f"{wordnet_id}_{number * 7}.JPEG", number))
    train[WORDNET_IDS[2]] += odd_pictures(WORDNET_IDS[2])
    names = [f"ILSVRC{year}_val_{n:08}.JPEG" for n in range(1, len(VALIDATION_LABELS) + 1)]
    val = [plain(name, 50 + n) for n, name in enumerate(names)]
    val[3] = Made(val[3].name, val[3].data[:100], None)
    test = [plain(f"ILSVRC{year}_test_{n:08}.JPEG", 70 + n) for n in range(1, len(TEST_LABELS) + 1)]
    return Miniature(year, train, val, test)


def write_tars(folder: Path, made: Miniature) -> Path:
    """The year as it is distributed: a tar of class tars, two flat tars, and the kit."""
    year = made.year
    kind = "images" if year == 2010 else "img"
    inner = "val/" if year == 2010 else ""
    classes = {f"{id}.tar": tar_of({one.name: one.data for one in made.train[id]})
               for id in reversed(made.train)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"ILSVRC{year}_{kind}_train.tar").write_bytes(tar_of(classes))
    val = {inner + one.name: one.data for one in reversed(made.val)}
    (folder / f"ILSVRC{year}_{kind}_val.tar").write_bytes(tar_of(val))
    test = {one.name: one.data for one in made.test}
    (folder / f"ILSVRC{year}_{kind}_test.tar").write_bytes(tar_of(test))
    kit = "devkit-1.0" if year == 2010 else f"ILSVRC{year}_devkit_t12"
    files = {f"{kit}/{name}": data for name, data in kit_files(made).items()}
    archive = f"{kit}.tar.gz"
    (folder / archive).write_bytes(gzip.compress(tar_of(files), mtime=0))
    if year == 2010:
        truth = "".join(f"{label}\n" for label in made.test_labels)
        (folder / "ILSVRC2010_test_ground_truth.txt").write_text(truth)
    return folder


def write_unpacked(folder: Path, made: Miniature) -> Path:
    """The same year unpacked by hand: train/n…/, val/ and test/ flat, and the kit's folder."""
    for wordnet_id, pictures in made.train.items():
        write_files(folder / "train" / wordnet_id, {one.name: one.data for one in pictures})
    write_files(folder / "val", {one.name: one.data for one in made.val})
    write_files(folder / "test", {one.name: one.data for one in made.test})
    write_files(folder / f"ILSVRC{made.year}_devkit_t12", kit_files(made))
    return folder


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def kit_files(made: Miniature) -> dict[str, bytes]:
    truth = "".join(f"{label}\n" for label in made.val_labels)
    return {
        "readme.txt": b"the miniature kit",
        "data/meta.mat": meta_mat(made),
        f"data/ILSVRC{made.year}_validation_ground_truth.txt": truth.encode(),
    }


def meta_mat(made: Miniature) -> bytes:
    """A MATLAB file with the struct array `synsets`, ancestors last, as the kits have it."""
    counts = [len(made.train[id]) for id in WORDNET_IDS]
    rows = [
        (float(place), id, words, f"a {words}", 0.0, np.empty((1, 0)), 0.0, float(count))
        for place, id, words, count in zip(range(1, 7), WORDNET_IDS, WORDS, counts, strict=True)
    ]
    rows.append(
        (7.0, "n00001740", "entity", "that which is", 2.0, np.array([[1.0, 8.0]]), 2.0, 0.0)
    )
    rows.append(
        (8.0, "n00015388", "animal", "a living thing", 2.0, np.array([[2.0, 3.0]]), 1.0, 0.0)
    )
    fields = ["WNID", "words", "gloss", "num_children", "children", "wordnet_height"]
    names = [f"ILSVRC{made.year}_ID", *fields, "num_train_images"]
    synsets = np.array(rows, dtype=[(name, object) for name in names]).reshape(-1, 1)
    file = io.BytesIO()
    savemat(file, {"synsets": synsets}, do_compression=True)
    return file.getvalue()


def tar_of(files: dict[str, bytes], format: int = tarfile.GNU_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
