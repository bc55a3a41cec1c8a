"""How a network learns: recipes, schedules, the update rule, the run folder and the loop."""
