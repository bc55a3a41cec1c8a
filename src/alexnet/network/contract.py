"""What a network's weights expect of a picture, beside its size: it travels with the weights. The
pixels themselves are prepared elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChannelOrder = Literal["RGB", "BGR", "grey"]

CHANNELS: dict[ChannelOrder, int] = {"RGB": 3, "BGR": 3, "grey": 1}
"""How many channels each order has."""


class ContractError(ValueError):
    """A contract that contradicts itself: says what it says and what would be right."""


@dataclass(frozen=True, kw_only=True)
class InputContract:
    """A picture of bytes 0..255 becomes (pixel · pixel_maximum / 255 − mean) / deviation.

    The side of the picture is the network's own, `network.picture.shape`.

    Attributes:
        channel_order: the order of the channels of the picture, the mean and the deviation.
        pixel_maximum: what a white pixel is worth: 255 (cuda-convnet, Caffe) or 1 (torchvision).
        mean: what is subtracted, in units of pixel_maximum: one number per channel, one for all
            channels, or () where nothing or an image is subtracted.
        mean_image: an image is subtracted, an array that lies beside the weights; of a larger
            one the centre (semantics file, section 12).
        deviation: what is divided by, in units of pixel_maximum: per channel, or () for nothing.
        border_pixels: pictures are fitted this much larger than the network's side at every edge,
            and their centre is shown (§2, §4.1: 256 pixels, of which 224; a border of 16).
    """

    channel_order: ChannelOrder
    pixel_maximum: float
    mean: tuple[float, ...] = ()
    mean_image: bool = False
    deviation: tuple[float, ...] = ()
    border_pixels: int = 0

    def __post_init__(self) -> None:
        """Raises ContractError where the values cannot be true together."""
        channels = CHANNELS[self.channel_order]
        if self.border_pixels < 0:
            raise ContractError(f"border_pixels is {self.border_pixels}; it must be 0 or more")
        if self.pixel_maximum not in (1.0, 255.0):
            raise ContractError(f"pixel_maximum is {self.pixel_maximum}; it must be 1 or 255")
        if self.mean and self.mean_image:
            raise ContractError("mean and mean_image are both given; one of them is subtracted")
        if len(self.mean) not in (0, 1, channels):
            raise ContractError(
                f"mean has {len(self.mean)} numbers; {self.channel_order} takes 1 or {channels}"
            )
        if len(self.deviation) not in (0, channels) or any(d <= 0 for d in self.deviation):
            raise ContractError(
                f"deviation is {self.deviation}; {self.channel_order} takes {channels} numbers"
                " above 0, or none"
            )
