"""Pictures made ready once: ILSVRC's files, or any others, become a record store."""

from alexnet.images.preparing.plan import Settings
from alexnet.images.preparing.prepare import prepare
from alexnet.images.preparing.verify import Damage, Verified, verify
from alexnet.images.preparing.workers import PrepareError

__all__ = ["Damage", "PrepareError", "Settings", "Verified", "prepare", "verify"]
