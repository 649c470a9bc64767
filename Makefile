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
NETWORK = tdp-cr-prior
TRIPLET = $(SUNBREAK_DATA)/sen12mscr_triplets/S12CR_1970_139/ROIs1970_fall_139_p839

.PHONY: demo demo-archive demo-transfer docs test lint check-long check-archive study study-smoke transfer-study ablations results weights clean

$(VENV)/core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -c constraints.txt -e .
	touch $@

$(VENV)/all: $(VENV)/core
	$(INSTALL) -c constraints.txt -e ".[dev,onnx,train,data,view,docs]"
	touch $@

# The main job, without torch: simulate a scene, restore it, score it against its truth; then a real scene, if there is one.
demo: $(VENV)/core
	$(BIN)/sunbreak simulate -o $(DEMO)/scene --size 1024 --seed 7 --overwrite
	$(BIN)/sunbreak restore $(DEMO)/scene/optical.tif --radar $(DEMO)/scene/radar.tif -o $(DEMO)/restored --everywhere --overwrite
	$(BIN)/sunbreak evaluate $(NETWORK) --data scene:$(DEMO)/scene
ifneq ($(SUNBREAK_DATA),)
	$(BIN)/sunbreak restore $(TRIPLET)_s2_cloudy.tif --radar $(TRIPLET)_s1.tif -o $(DEMO)/real --overwrite
endif
	@echo "Look at $(DEMO)/restored/preview.png: cloudy, restored, quality, uncertainty, land cover."

# A simulated month of two adjacent tiles: a catalogue over HTTP, a plan, its products, their collection.
demo-archive: $(VENV)/all
	$(BIN)/python examples/a_month_of_two_tiles.py $(DEMO)/month

# Scene classes under cloud, whole chain on simulated patches: train a source on clear skies, transfer it both ways, score
# all by cloud cover, and map a scene.
TRANSFER = $(DEMO)/transfer
UNDER_CLOUD = clouds=blended
demo-transfer: $(VENV)/all
	$(BIN)/sunbreak transfer --source simulated-classes:domain=source,n=1000 --target simulated-classes:n=1000,$(UNDER_CLOUD) -o $(TRANSFER)/cloud-aware
	$(BIN)/sunbreak transfer --source $(TRANSFER)/cloud-aware/source --target simulated-classes:n=1000,$(UNDER_CLOUD) -o $(TRANSFER)/faithful --recipe faithful
	$(BIN)/sunbreak evaluate $(TRANSFER)/cloud-aware/source $(TRANSFER)/faithful $(TRANSFER)/cloud-aware --task scene --restored --data simulated-classes:n=500,split=test,$(UNDER_CLOUD)
	$(BIN)/sunbreak simulate -o $(DEMO)/scene --size 1024 --seed 7 --overwrite
	$(BIN)/sunbreak classify $(DEMO)/scene/optical.tif --radar $(DEMO)/scene/radar.tif --model $(TRANSFER)/cloud-aware -o $(TRANSFER)/map --overwrite
	@echo "Look at $(TRANSFER)/map/preview.png."

# The documentation as a site, build/docs/site; warnings are errors. The pages themselves read well where they are.
docs: $(VENV)/all
	$(BIN)/python docs/site.py

lint: $(VENV)/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# In two processes side by side, about as long as each other: what trains or starts other processes, and the rest.
PYTEST = SUNBREAK_DATA=$(SUNBREAK_DATA) $(BIN)/python -m pytest -m "not long" -p no:cacheprovider
BUSY = tests/bench tests/benchmark tests/cli tests/e2e tests/networks tests/train
test: lint
	$(PYTEST) $(BUSY) > .test-busy.log 2>&1 & busy=$$!; \
	$(PYTEST) $(BUSY:%=--ignore=%); rest=$$?; \
	wait $$busy; busy=$$?; cat .test-busy.log; exit $$((busy + rest))

# Loads, kills, fuzzing, whole tiles and everything else that states an outcome; the tables of docs/reliability.md at the end.
# About two hours; OUTCOMES="not long and outcome" leaves the long ones out.
OUTCOMES ?= long or outcome
check-long: $(VENV)/all
	rm -f .outcomes.jsonl
	SUNBREAK_DATA=$(SUNBREAK_DATA) $(BIN)/python -m pytest -m "$(OUTCOMES)" --outcomes .outcomes.jsonl; tests=$$?; \
	$(BIN)/python bench/reliability.py .outcomes.jsonl && exit $$tests

# Plans and runs against stac-fastapi and pgstac on Debian's PostgreSQL with PostGIS (apt-get install postgresql-15-postgis-3):
# database and API are started on loopback, in an environment of their own, and stopped afterwards. Output in docs/scale.md.
ARCHIVE := .venv-archive
$(ARCHIVE)/all: tests/long/archive-requirements.txt
	test -x $(ARCHIVE)/bin/python || $(PYTHON) -m venv $(ARCHIVE)
	$(if $(UV),$(UV) pip install --quiet --python $(ARCHIVE)/bin/python,$(ARCHIVE)/bin/python -m pip install --quiet --disable-pip-version-check) -r $<
	touch $@

check-archive: $(VENV)/all $(ARCHIVE)/all
	SUNBREAK_ARCHIVE=$(ARCHIVE) $(BIN)/python -m pytest -m long tests/long/test_pgstac.py

# The networks, from scratch: hours on two cores. Stopped at any moment, the same command goes on. The default is scored and
# copied into the package by bench/ship.py; the mask network by hand. (The shipped default began with weights of an earlier form.)
RUNS ?= runs
MIX = --data simulated: collection:$(SUNBREAK_DATA)
PAIRED = collection:$(SUNBREAK_DATA),clouds=real,radar=any,split=train
SHORT = --steps 500 --semantic_steps 0 --warmup 50 --real_share 0.5 --radar_dropout 0.15
weights: $(VENV)/all
	$(BIN)/sunbreak train cloud-mask $(MIX) -o $(RUNS)/cloud-mask --steps 900 --crop 256 --reuse 8 --real_share 0.5 --radar_dropout 0.15 --learning_rate 0.002 --warmup 50
	$(BIN)/sunbreak train tdp-cr-prior $(MIX) -o $(RUNS)/tdp-cr-prior
	$(BIN)/sunbreak train tdp-cr-prior $(MIX) "$(PAIRED)" -o $(RUNS)/tdp-cr-prior-2 --start_from $(RUNS)/tdp-cr-prior --steps 2600 --semantic_steps 200 --real_share 0.45 --pair_share 0.13 --learning_rate 1e-3 --seed 11
	$(BIN)/python bench/ship.py $(SUNBREAK_DATA) $(RUNS)/tdp-cr-prior-2
	$(BIN)/sunbreak train tdp-cr $(MIX) -o $(RUNS)/tdp-cr --semantic_steps 0
	$(BIN)/sunbreak train tdp-cr-prior --data simulated: -o $(RUNS)/simulated-only $(SHORT)
	$(BIN)/sunbreak train tdp-cr-prior --data collection:$(SUNBREAK_DATA) -o $(RUNS)/real-only $(SHORT)
	$(BIN)/sunbreak train tdp-cr-prior $(MIX) -o $(RUNS)/mixed $(SHORT)

# Every network and ablation, on equal samples, three seeds each, and the tables of it: several nights of two cores for the
# networks within the budget of TDP-CR and the ablations; the heavy ones come last, for GPUs (STUDY_FLAGS="--minutes 9", again
# and again). Stopped at any moment, the same command goes on; several at a time share the work.
STUDY_STEPS ?= 20000
STUDY_RUNS ?= $(RUNS)/study-$(STUDY_STEPS)
study: $(VENV)/all
	$(BIN)/python bench/study.py $(SUNBREAK_DATA) $(STUDY_RUNS) --steps $(STUDY_STEPS) $(STUDY_FLAGS)
	$(BIN)/python bench/study_tables.py $(SUNBREAK_DATA) $(STUDY_RUNS) --steps $(STUDY_STEPS)

# Of the study only what becomes of TDP-CR and IB-HFN without their parts, first seed.
ablations: $(VENV)/all
	$(BIN)/python bench/study.py $(SUNBREAK_DATA) $(STUDY_RUNS) --steps $(STUDY_STEPS) --only=tdp-cr-s0 --only=tdp-cr-- --only=ib-hfn-small-s0 --only=ib-hfn-- $(STUDY_FLAGS)
	$(BIN)/python bench/study_tables.py $(SUNBREAK_DATA) $(STUDY_RUNS) --steps $(STUDY_STEPS)

# The same chain in less than an hour, narrow and short: it ranks nothing.
study-smoke: $(VENV)/all
	$(BIN)/python bench/study.py $(SUNBREAK_DATA) $(RUNS)/smoke --plan smoke
	$(BIN)/python bench/study_tables.py $(SUNBREAK_DATA) $(RUNS)/smoke --plan smoke

# Scene classes under cloud: every way to a target network over five seeds, about four hours of one core (two processes share
# the work), and the tables.
transfer-study: $(VENV)/all
	$(BIN)/python bench/transfer_study.py $(RUNS)/transfer $(STUDY_FLAGS)
	$(BIN)/python bench/transfer_tables.py $(RUNS)/transfer

# The other tables of RESULTS.md, in its order; after `make weights`.
PAIRS = collection:$(SUNBREAK_DATA),split=test
MODELS = $(RUNS)/tdp-cr $(NETWORK)
results: $(VENV)/all
	$(BIN)/sunbreak evaluate $(MODELS) --data $(PAIRS),min_cloud=0.02,max_cloud=0.97 --per-patch
	$(BIN)/sunbreak evaluate $(MODELS) --data $(PAIRS)
	$(BIN)/sunbreak evaluate $(MODELS) --data $(PAIRS),clouds=simulated,draws=2,seed=1
	$(BIN)/sunbreak evaluate --data collection:$(SUNBREAK_DATA),split=train,clouds=simulated,draws=3,seed=1
	$(BIN)/sunbreak evaluate $(MODELS) --data simulated:n=32,size=512 --per-patch
	$(BIN)/python bench/by_region.py $(SUNBREAK_DATA) $(RUNS)/simulated-only $(RUNS)/real-only $(RUNS)/mixed $(MODELS)
	$(BIN)/python bench/premises.py $(SUNBREAK_DATA) $(MODELS)
	$(BIN)/sunbreak evaluate $(NETWORK) --task landcover --data simulated:seed=50000000,n=16,size=512 --parts clear cloud shadow
	$(BIN)/sunbreak bench accuracy --data $(PAIRS),clouds=simulated,draws=2,seed=1
	$(BIN)/python bench/choices.py $(SUNBREAK_DATA)
	$(BIN)/python bench/mask_agreement.py $(SUNBREAK_DATA)
	$(BIN)/python bench/simulation.py $(SUNBREAK_DATA)
	$(BIN)/python bench/simulation.py $(SUNBREAK_DATA) --split test

clean:
	rm -rf $(VENV) $(ARCHIVE) $(DEMO) build dist
