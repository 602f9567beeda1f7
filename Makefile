# CXR Alert. `make demo` shows it, `make test` proves it; `make help` lists the rest.
PYTHON ?= python3
UPLOADS ?= 2000
INPUTS ?= 200000
PIP     = -m pip install --quiet --disable-pip-version-check --no-compile
# uv is faster than pip. It does not read pip's settings, so pip follows where it fails.
LOCKED  = install --quiet --no-deps --require-hashes --requirement
install = .venv/bin/uv pip $(LOCKED) $(2) --python $(1) || $(APP) -m pip --python $(1) $(LOCKED) $(2)
APP     = .venv/bin/python
CXR     = .venv/bin/cxr-alert
LOCK    = --python-version 3.11 --no-emit-index-url --no-emit-find-links --overrides requirements/overrides.txt $(if $(UPGRADE),--upgrade)
# Without bytecode, every one of hundreds of processes would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help built tested lock-function demo up down check test pictures reference faults soak load rate fuzz fuzzdicom prepare train cloud job bench lint sbom format lock clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: build/.app build/.emulator build/.sam ## upload 24 X-rays to the local application and watch the alerts
	@$(CXR) demo

up: build/.app build/.emulator build/.sam ## start the local application and leave it running
	@$(CXR) up

down: build/.app ## stop what `make up` started
	@$(CXR) down

# Without PyTorch, types and tests of training are left to `make lint` and `make test`.
WITHOUT_TRAINING = --follow-imports silent --exclude '^(\.|build/|tests/[a-z]+/test_(training|laboratory))' \
	cxr_alert delivery functions imaging intake results serving testbed tests
check: build/.dev ## format, style, types, imports and the quick unit tests, within a minute
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy $(if $(wildcard build/.training),,$(WITHOUT_TRAINING))
	.venv/bin/lint-imports > /dev/null
	$(APP) -m tests.docs.check
	$(APP) -m tests.docs.reference --check
	$(APP) -m pytest -q -n 2 tests/unit -m "not slow and not thorough"

# Some tests compute, others wait for a stack: more files run at once than there are cores, and the
# checks of `lint` beside them. Each training has one thread; with several, these mostly wait for each
# other and hold the cores. The files that take longest begin first, in the order of the folders.
test: ## check style and types, and run every test
	@$(MAKE) --no-print-directory -j3 build/.training build/.emulator build/.sam built build/.cloud build/.checkov
	@$(MAKE) --no-print-directory -j2 tested lint

tested: built
	OMP_NUM_THREADS=1 $(APP) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

built: build/.dev build/.emulator build/.sam
	$(APP) -m tests.e2e.built

faults: build/.dev build/.emulator build/.sam ## test every fault between the function and its services, and a whole day of films
	$(APP) -m pytest tests/faults tests/integration/test_identity_end_to_end.py -m "slow or not slow"

soak: build/.dev build/.emulator build/.sam ## upload thousands of films under random faults: make soak UPLOADS=2000
	@$(APP) -m tests.faults.soak --uploads $(UPLOADS)

load: build/.dev build/.emulator build/.sam ## measure many films at once, and a steady stream of films
	@$(APP) -m tests.faults.load

rate: build/.dev ## measure throughput and delay of `send` with Orthanc
	@$(APP) -m tests.faults.rate

fuzz: build/.dev ## send mutated films to the container: make fuzz INPUTS=200000
	@$(APP) -m tests.faults.fuzz --inputs $(INPUTS)

fuzzdicom: build/.dev ## decode mutated DICOM files: make fuzzdicom INPUTS=50000
	@$(APP) -m tests.faults.fuzz_dicom --inputs $(INPUTS)

pictures: build/.dev build/.emulator build/.sam ## take the pictures of README.md and docs/worklist.md
	@$(APP) -m tests.e2e.pictures

reference: build/.dev ## write docs/reference/ from the parser, the templates and the types
	@$(APP) -m tests.docs.reference

prepare: build/.training ## check, split and draw films: make prepare DATA=folder OUT=folder
	@$(if $(and $(DATA),$(OUT)),,echo "Say which: make prepare DATA=folder OUT=folder"; exit 2;) $(CXR) prepare --data $(DATA) --out $(OUT) --keep-out samples

train: build/.training ## train a network: make train DATA=folder OUT=folder
	@$(if $(and $(DATA),$(OUT)),,echo "Say which: make train DATA=folder OUT=folder"; exit 2;) $(CXR) train --data $(DATA) --out $(OUT) --keep-out samples

cloud: build/.app build/.cloud ## install SageMaker's SDK, for cxr-alert train --on sagemaker

job: build/.training build/.cloud build/.mxnet ## run the code of a SageMaker job in a clean environment
	$(APP) -m pytest tests/integration/test_training_jobs.py tests/integration/test_training_prepare.py -m slow

bench: build/.training build/.emulator build/.sam build/.mxnet ## measure speed and cost: make bench, or make bench LONG=1
	@$(APP) -m benchmarks $(if $(LONG),--long)

TEMPLATES = template.yaml $(wildcard functions/*/template.yaml) serving/endpoint.yaml
lint: build/.training build/.checkov ## check style, types, templates and security
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(APP) -m tests.docs.check
	$(APP) -m tests.docs.reference --check
	.venv/bin/cfn-lint $(TEMPLATES)
	.venv-checkov/bin/checkov --file $(TEMPLATES) serving/Dockerfile delivery/Dockerfile --framework cloudformation dockerfile secrets --skip-download --compact --quiet

# The serial numbers and times are left out, so that the same lock makes the same file.
LOCKS = $(wildcard requirements/*.lock) functions/requirements.txt functions/render/requirements.txt
sbom: build/.sbom ## write a bill of materials (CycloneDX) for each lock file into build/sbom
	@for lock in $(LOCKS); do \
		out=build/sbom/$$(echo $${lock%.*} | tr / -).cdx.json; mkdir -p build/sbom; \
		.venv-sbom/bin/python -W ignore::UserWarning -m cyclonedx_py requirements $$lock --pyproject pyproject.toml --output-reproducible -o $$out \
			&& echo $$out || exit 1; \
	done

format: build/.dev ## format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# uv finds no CPU build of PyTorch on its own; point UV_FIND_LINKS at one before locking. What a lock
# pins already stays, unless UPGRADE=1 is given or the .in file no longer allows it. job.lock has no
# hashes: the image of the job installs packages' dependencies too, one of which is kept out of it.
HASHED = uv serving app dev emulator sam checkov mxnet cloud sbom
lock: $(HASHED:%=lock-%) lock-function ## pin what the .in files ask for; UPGRADE=1: the newest versions
	.venv/bin/uv pip compile -q $(LOCK) --generate-hashes --no-emit-package torch -c requirements/dev.lock requirements/training.in -o requirements/training.lock
	.venv/bin/uv pip compile -q $(LOCK) -c requirements/dev.lock -c requirements/training.lock requirements/job.in -o requirements/job.lock

lock-%: build/.uv
	.venv/bin/uv pip compile -q $(LOCK) --universal --generate-hashes requirements/$*.in -o requirements/$*.lock

# `sam build` wants the functions' locks in their folders, and resolves for the Lambda's Python.
lock-function: build/.uv
	.venv/bin/uv pip compile -q $(LOCK) --universal --generate-hashes requirements/function.in -o functions/requirements.txt
	.venv/bin/uv pip compile -q $(LOCK) --universal --generate-hashes -c functions/requirements.txt requirements/render.in -o functions/render/requirements.txt

# Tools that pin other versions of the same packages live apart from the application: with the SAM
# CLI, Checkov and the emulator fall back to old versions; SageMaker's SDK and MXNet do not fit at all.
# So `make demo` installs the first three of these only.
build/.uv: requirements/uv.lock
	@test -x $(APP) || $(PYTHON) -m venv .venv
	@$(APP) $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.app: requirements/app.lock pyproject.toml build/.uv
	@echo "Installing the application ..."
	@$(call install,.venv,$<)
	@$(APP) $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

build/.dev: requirements/dev.lock build/.app
	@echo "Installing the test tools ..."
	@$(call install,.venv,$<)
	@touch $@

build/.training: requirements/training.lock requirements/torch.txt build/.dev
	@echo "Installing PyTorch and what training needs ..."
	@$(call install,.venv,$<)
	@$(APP) $(PIP) -r requirements/torch.txt
	@touch $@

# The engine of the report needs a NumPy of its time; programs that need it report if it is missing.
build/.mxnet: requirements/mxnet.lock build/.uv
	@{ .venv/bin/uv venv --quiet --clear --python $(APP) .venv-mxnet && $(call install,.venv-mxnet,$<); } \
		|| { rm -rf .venv-mxnet; echo "MXNet can't be installed here; tests and benchmarks go without."; }
	@touch $@

build/.%: requirements/%.lock build/.uv
	@echo "Installing .venv-$* ..."
	@.venv/bin/uv venv --quiet --clear --python $(APP) .venv-$*
	@$(call install,.venv-$*,$<)
	@touch $@

clean: ## remove everything that the other commands made
	rm -rf build .aws-sam .venv .venv-emulator .venv-sam .venv-checkov .venv-cloud .venv-mxnet .venv-sbom
