# Every target sets up .venv by itself when it is needed; only Python >= 3.11 and make must be there. uv installs several
# packages at a time, and pip does it where uv cannot be had.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_STORAGE ?= $(HOME)/ray_results
# Two processes of tests, each with a Ray of two CPUs; the tests of a file stay together and share what it has searched.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
INSTALL := --constraint constraints.txt --editable '.[dev]'

# Where Python is told to keep no bytecode, each of the many processes of a search would compile torch and Ray anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-searches test-cluster test-long test-fast check bench constraints plotly clean

demo: $(READY)  ## a real search on the embedded digits: about a minute, ends in a leaderboard
	$(BIN)/tuner launch blur --space smoke --storage "$(DEMO_STORAGE)"

test: $(READY)  ## the tests but those of the three targets that follow
	$(PYTEST) -m "not searches and not cluster and not long"

test-searches: $(READY)  ## whole searches: killed, stopped or read by nobody, confirmed, retrained, of a user's own
	$(PYTEST) -m "searches and not cluster and not long"

test-cluster: $(READY)  ## the tests on Ray heads, raylets and S3 servers of their own, real processes killed
	$(PYTEST) -m "cluster and not long"

test-long: $(READY)  ## those that take minutes and are near others: every architecture on a card, more kills, more of Slurm
	$(PYTEST) -m long

test-fast: $(READY)  ## the tests that take seconds
	$(PYTEST) -m "not slow and not searches and not cluster and not long"

check: $(READY)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## every benchmark; ratios taken side by side in one run
	$(BIN)/python -m benchmarks.run

constraints: $(READY)  ## pin again what pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra mlflow --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --quiet --upgrade --output-file constraints.txt

plotly:  ## the charts' part of plotly.js anew, as it lies in tuner/report/static; needs Node.js and network
	cd deploy/plotly && npm install --ignore-scripts --no-audit --no-fund && node build.mjs

clean:  ## everything made here, the environment included
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, but $(PYTHON) is " + sys.version.split()[0] + "; run make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv && \
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(INSTALL) || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL)
	@touch $(READY)
