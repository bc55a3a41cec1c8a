"""How the networks of 2012 were taught, as recipes: by a parameter file, by the hand methods that
its comments tell, and by the schedules of the run notes.
"""

from alexnet.training.original.from_notes import left_out, notebook_recipe, run_epochs, run_name
from alexnet.training.original.from_rules import recipe_of
from alexnet.training.original.methods import Method, imagenet_method, released_method

__all__ = [
    "Method",
    "imagenet_method",
    "left_out",
    "notebook_recipe",
    "recipe_of",
    "released_method",
    "run_epochs",
    "run_name",
]
