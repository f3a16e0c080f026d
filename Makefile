# The two commands of the README are `make demo` and `make test`; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TORCH_VENV ?= .venv-torch
JAX_VENV ?= .venv-jax
RESULTS ?= benchmarks/results/here.json
# What is longer than CI may be: a day.
NO_LIMIT = -o session_timeout=86400

.PHONY: demo test check-device test-slow test-oldest test-distributed faults search-faults fuzz nightly native-grid notebooks lessons golden codemirror screenshots reference bench \
	bench-augmentation bench-input bench-scaling bench-serving bench-torch-venv bench-jax-venv lint docs docs-check dist clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

unexport PYTHONDONTWRITEBYTECODE # every process that tests start would compile kresnet anew

demo: $(VENV)/.installed ## plan, build, fit, export, verify and predict, on images that ship with kresnet
	@PATH="$(abspath $(BIN)):$$PATH" sh docs/demo.sh demo

test: $(VENV)/.installed lint docs
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

check-device: $(VENV)/.installed ## whether this machine trains as it should, in the quick form; the report is in build/
	rm -rf build/device-check
	$(BIN)/kresnet check device --quick -o build/device-check

test-slow: $(VENV)/.installed ## what takes minutes: real accuracy, many kills, many random networks
	$(BIN)/python -m pytest $(NO_LIMIT) -m slow

test-oldest: ## the same tests with the oldest dependencies that pyproject.toml admits, in an environment of their own
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c tests/oldest-constraints.txt -e '.[dev]'
	.venv-oldest/bin/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

test-distributed: $(VENV)/.installed ## two and four workers on loopback, killed and stopped in every way
	$(BIN)/python -m pytest $(NO_LIMIT) -m 'slow or not slow' tests/distributed/test_two_workers.py tests/distributed/test_many_workers.py tests/distributed/test_prepared_shards.py

fuzz: $(VENV)/.installed ## some 10^5 hostile documents and as many files of weights (hours); tallies on stdout
	for kind in spec recipe study set; do $(BIN)/python -m tests.fuzz.hypothesis_run $$kind --documents 34000 || exit 1; done
	$(BIN)/python -m tests.fuzz.hypothesis_run torch --documents 100000
	for kind in spec recipe study set torch; do $(BIN)/python -m tests.fuzz.coverage_run $$kind fuzz-tally.json -runs=5000 && cat fuzz-tally.json || exit 1; done

faults: $(VENV)/.installed ## kill, fill, damage and take away small runs, and tell what was lost: the table of docs/resuming.md
	$(BIN)/python -m tests.faults

search-faults: $(VENV)/.installed ## kill a search twenty times at random moments, and compare with one left alone
	$(BIN)/python -m tests.search_faults 20

nightly: $(VENV)/.installed ## 375 times the random networks of `make test`
	KRESNET_PROPERTY_SCALE=375 $(BIN)/python -m pytest $(NO_LIMIT) -o timeout=0 tests/plan/test_properties.py tests/graph/test_random_networks.py tests/graph/layers/test_dilation.py

native-grid: $(VENV)/.installed ## train hundreds of the smallest networks in child processes: none may end its process
	$(BIN)/python -m tests.graph.native_grid 400

notebooks: $(VENV)/.installed ## run the notebooks of docs/ anew and keep what they show
	$(BIN)/python -m tests.docs.notebooks

lessons: $(VENV)/.installed ## the lessons of docs/lessons as notebooks, in build/lessons
	$(BIN)/python -m tests.docs.lessons build/lessons

golden: $(VENV)/.installed ## write the counts of every shipped network anew, for a look at the difference
	$(BIN)/python -m tests.golden.regenerate

codemirror: ## bundle what the editor page takes of CodeMirror anew (needs npm and a network; the bundle is kept)
	sh kresnet/pages/codemirror/build.sh

screenshots: $(VENV)/.installed ## make the pictures of docs/report.md anew (needs Chromium; some minutes)
	$(BIN)/python -m tests.report.screenshots docs/images/report

reference: $(VENV)/.installed ## write docs/spec-reference.md, docs/schema/ and docs/cli.md anew, from the models and the verbs
	$(BIN)/python -m tests.docs.spec_reference docs
	$(BIN)/typer kresnet.cli.all_verbs utils docs --name kresnet --title 'The command line' --output docs/cli.md

bench: $(VENV)/.installed $(TORCH_VENV)/.installed $(JAX_VENV)/.installed ## kresnet against stock Keras, PyTorch, JAX and runtimes
	$(BIN)/python -m benchmarks.build
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.compare --torch-python $(TORCH_VENV)/bin/python --jax-python $(JAX_VENV)/bin/python -o $(RESULTS)

bench-scaling: $(VENV)/.installed ## one, two and four workers, each held to one core
	$(BIN)/python -m benchmarks.scaling

bench-input: $(VENV)/.installed $(TORCH_VENV)/.installed ## input pipelines beside tf.data, PyTorch's loader and decoding
	$(BIN)/python -m benchmarks.input --torch-python $(TORCH_VENV)/bin/python -o benchmarks/results/input.json

bench-augmentation: $(VENV)/.installed $(TORCH_VENV)/.installed ## what each augmentation costs, beside torchvision and timm
	$(BIN)/python -m benchmarks.augmentation --torch-python $(TORCH_VENV)/bin/python -o benchmarks/results/augmentation.json

bench-serving: $(VENV)/.installed ## exports beside `model.export` and ONNX Runtime, and the server under load; needs wrk
	$(BIN)/python -m benchmarks.exports build/exports
	$(BIN)/python -m benchmarks.serving build/exports

bench-torch-venv: $(TORCH_VENV)/.installed ## PyTorch, in an environment of its own
bench-jax-venv: $(JAX_VENV)/.installed ## JAX and Flax, likewise

$(TORCH_VENV)/.installed: benchmarks/torch-requirements.txt
$(JAX_VENV)/.installed: benchmarks/jax-requirements.txt
$(TORCH_VENV)/.installed $(JAX_VENV)/.installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed ## the documentation as a site, build/site/index.html; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file .mkdocs.yml

docs-check: $(VENV)/.installed ## run every command and snippet of README and docs
	$(BIN)/python -m pytest $(NO_LIMIT) -m 'slow or not slow' tests/docs

dist: $(VENV)/.installed ## sdist and wheel, in dist/, judged by twine
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf $(VENV) demo build dist *.egg-info
