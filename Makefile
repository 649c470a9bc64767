# Two commands do everything on a fresh machine: `make demo` and `make test`. They need Python 3.11, pip and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SUNBREAK_DATA ?= $(wildcard ../shared/data)
DEMO := demo-output
# uv is used where it is found; it ignores pip's settings, so a folder of wheels is handed on
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
UV := $(shell command -v uv 2>/dev/null)
INSTALL = $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)
TRIPLET = $(SUNBREAK_DATA)/sen12mscr_triplets/S12CR_1970_139/ROIs1970_fall_139_p839

.PHONY: demo test lint test-core check-long study clean

$(VENV)/core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -c constraints.txt -e .
	touch $@

$(VENV)/all: $(VENV)/core
	$(INSTALL) -c constraints.txt -e ".[dev,onnx,train]"
	touch $@

# The main job, without torch: simulate a scene, restore it, score it against its truth; then a real scene, if there is one.
demo: $(VENV)/core
	$(BIN)/sunbreak simulate -o $(DEMO)/scene --size 1024 --seed 7 --overwrite
	$(BIN)/sunbreak restore $(DEMO)/scene/optical.tif --radar $(DEMO)/scene/radar.tif -o $(DEMO)/restored --overwrite
	$(BIN)/sunbreak evaluate scene-prior --data scene:$(DEMO)/scene
ifneq ($(SUNBREAK_DATA),)
	$(BIN)/sunbreak restore $(TRIPLET)_s2_cloudy.tif --radar $(TRIPLET)_s1.tif -o $(DEMO)/real --overwrite
endif
	@echo "Look at $(DEMO)/restored/preview.png: cloudy, restored, quality, uncertainty."

lint: $(VENV)/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	SUNBREAK_DATA=$(SUNBREAK_DATA) $(BIN)/python -m pytest -m "not long"

# Loads, kills and whole tiles; its dated output is committed in docs/.
check-long: $(VENV)/all
	SUNBREAK_DATA=$(SUNBREAK_DATA) $(BIN)/python -m pytest -m long

# The tables of RESULTS.md, in its order.
PAIRS = collection:$(SUNBREAK_DATA),split=test
study: $(VENV)/all
	$(BIN)/sunbreak evaluate --data $(PAIRS),min_cloud=0.02,max_cloud=0.97 --per-patch
	$(BIN)/sunbreak evaluate --data $(PAIRS)
	$(BIN)/sunbreak evaluate --data $(PAIRS),clouds=simulated,draws=2,seed=1
	$(BIN)/sunbreak evaluate --data collection:$(SUNBREAK_DATA),split=train,clouds=simulated,draws=3,seed=1
	$(BIN)/sunbreak evaluate --data simulated:n=32,size=512
	$(BIN)/python bench/choices.py $(SUNBREAK_DATA)
	$(BIN)/python bench/mask_agreement.py $(SUNBREAK_DATA)
	$(BIN)/python bench/simulation.py $(SUNBREAK_DATA)

clean:
	rm -rf $(VENV) $(DEMO) build dist
