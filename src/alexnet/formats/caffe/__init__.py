"""Caffe: definitions and models in, models with their definitions out; the names to import."""

from alexnet.formats.caffe.files import DEFINITION, MODEL
from alexnet.formats.caffe.means import read_mean, write_mean

__all__ = ["DEFINITION", "MODEL", "read_mean", "write_mean"]
