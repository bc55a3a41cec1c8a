# The two commands: `make run` shows the product, `make test` proves it. Both set up .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: run test test-slow setup site golden clean

run: setup
	rm -rf runs/digits
	$(BIN)/alexnet train digits --run runs/digits
	$(BIN)/alexnet draw filters runs/digits
	$(BIN)/alexnet draw curves runs/digits
	$(BIN)/alexnet draw predictions runs/digits

test: setup
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(PYTEST) -m "not slow"

test-slow: setup
	$(PYTEST) -m slow

golden: setup
	$(BIN)/python -m pytest tests/cli --update-golden
	$(BIN)/python docs/make_paper.py
	$(BIN)/python docs/make_training.py
	$(BIN)/python docs/blocks.py README.md docs/index.md docs/tutorial.md

site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt setup.py $(wildcard src/alexnet/torch_net/kernels/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[develop]'
	touch $@

clean:
	rm -rf $(VENV) runs build
