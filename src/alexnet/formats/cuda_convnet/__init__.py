"""The files of cuda-convnet, of the code of 2012, and of cuda-convnet2: definitions, parameters and
model files.
"""

from alexnet.formats.cuda_convnet.parsing import parse_document
from alexnet.formats.cuda_convnet.reader import (
    Definition,
    is_definition,
    read_definition,
    read_documents,
)
from alexnet.formats.cuda_convnet.writer import (
    definition_text,
    definition_warnings,
    parameters_text,
    write_definition,
)

__all__ = [
    "Definition",
    "definition_text",
    "definition_warnings",
    "is_definition",
    "parameters_text",
    "parse_document",
    "read_definition",
    "read_documents",
    "write_definition",
]
