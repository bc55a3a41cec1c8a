"""scikit-learn's handwritten digits as a source: real 8 x 8 pictures that need no download."""

from typing import Any

import numpy as np

from alexnet.images.splits import ArrayRecords, Source, SourceError, whole

TRAINING_PICTURES = 1437
_LEVELS = 16


def open_digits() -> Source:
    """Return the 1,797 digits, 1,437 to learn from and the last 360 to be tested on.

    The values 0..16 of the file are scaled to 0..255. The file is in the order in which people
    wrote, so that an unshuffled tail holds out writers and not only pictures.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        message = "the data 'digits' come with scikit-learn, which is not installed"
        raise SourceError(f"{message}: pip install scikit-learn") from None
    bunch: Any = load_digits()
    pixels = np.rint(bunch.images * (255 / _LEVELS)).astype(np.uint8)[..., np.newaxis]
    names = [f"digits, picture {row}" for row in range(len(pixels))]
    classes = tuple(str(digit) for digit in bunch.target_names)
    every = whole(classes, bunch.target, ArrayRecords(pixels, names))
    train, test = np.split(np.arange(len(every)), [TRAINING_PICTURES])
    note = (
        f"the first {len(train):,} digits to learn from, the last {len(test):,} to be tested on, "
        "in file order, so that the writers differ as far as they can"
    )
    return Source("digits", classes, every.part(train), every.part(test), note)
