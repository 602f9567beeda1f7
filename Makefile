# CXR Alert. `make demo` shows it, `make test` proves it; `make help` lists the rest.
PYTHON ?= python3
UPLOADS ?= 2000
INPUTS ?= 200000
PIP     = -m pip install --quiet --disable-pip-version-check
APP     = .venv/bin/python
LOCK    = --python-version 3.11 --no-emit-index-url --no-emit-find-links --overrides requirements/overrides.txt

.DEFAULT_GOAL := help
.PHONY: help demo up down test faults soak load fuzz prepare train cloud job bench lint format lock clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: build/.app build/.emulator build/.sam ## drop 24 X-rays into the local application and watch the alerts
	@$(APP) -m local demo

up: build/.app build/.emulator build/.sam ## start the local application and leave it running
	@$(APP) -m local up

down: build/.app ## stop what `make up` started
	@$(APP) -m local down

test: build/.dev build/.emulator build/.sam build/.cloud build/.mxnet lint ## style, types and every test
	$(APP) -m pytest -n 2 --dist loadfile

faults: build/.dev build/.emulator build/.sam ## every fault between the function and its services, slow ones too
	$(APP) -m pytest tests/faults -m "slow or not slow"

soak: build/.dev build/.emulator build/.sam ## thousands of uploads under random faults: make soak UPLOADS=2000
	@$(APP) -m tests.faults.soak --uploads $(UPLOADS)

load: build/.dev build/.emulator build/.sam ## many films at once, and as many a second as the endpoint takes
	@$(APP) -m tests.faults.load

fuzz: build/.dev ## mutated films and headers against the container: make fuzz INPUTS=200000
	@$(APP) -m tests.faults.fuzz --inputs $(INPUTS)

prepare: build/.dev ## check, split and draw a folder of films: make prepare DATA=folder OUT=folder
	@$(APP) -m training prepare $(DATA) --out $(OUT) --keep-out samples

train: build/.dev ## train a network: make train DATA=folder OUT=folder
	@$(APP) -m training train --data $(DATA) --out $(OUT) --keep-out samples

cloud: build/.app build/.cloud ## install SageMaker's SDK, for python -m training train --on sagemaker

job: build/.dev build/.cloud ## run what a SageMaker job runs, in a clean environment
	$(APP) -m pytest tests/integration/test_training_jobs.py -m slow

bench: build/.dev build/.emulator build/.sam build/.mxnet ## how fast it is: make bench, or make bench LONG=1
	@$(APP) -m benchmarks run $(if $(LONG),--long)

lint: build/.dev build/.sam build/.checkov ## style, types, template, security
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	PYTHONPATH=functions .venv/bin/lint-imports
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1
	.venv-checkov/bin/checkov --file template.yaml serving/Dockerfile --skip-download --compact --quiet

format: build/.dev ## put the code in form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# uv finds no CPU build of PyTorch on its own; point UV_FIND_LINKS at one before locking.
lock: ## pin the newest versions of everything (needs uv)
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/serving.in -o requirements/serving.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/app.in -o requirements/app.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/dev.in -o requirements/dev.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/emulator.in -o requirements/emulator.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/sam.in -o requirements/sam.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/checkov.in -o requirements/checkov.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/mxnet.in -o requirements/mxnet.lock
	uv pip compile -q $(LOCK) --universal --generate-hashes requirements/cloud.in -o requirements/cloud.lock
	uv pip compile -q $(LOCK) -c requirements/dev.lock requirements/training.in | sed 's/+cpu//' > requirements/training.lock
	uv pip compile -q $(LOCK) -c requirements/dev.lock -c requirements/training.lock requirements/job.in -o requirements/job.lock

# Tools that pin other versions of the same packages live apart from the application.
build/.app: requirements/app.lock
	@echo "Installing the application ..."
	@test -x $(APP) || $(PYTHON) -m venv .venv
	@$(APP) $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.dev: requirements/dev.lock requirements/training.lock build/.app
	@echo "Installing the test tools and PyTorch ..."
	@$(APP) $(PIP) --no-deps --require-hashes -r requirements/dev.lock
	@$(APP) $(PIP) -r requirements/training.lock
	@$(APP) -m pip uninstall --quiet --yes openvino-telemetry # NNCF brings it: see overrides.txt
	@touch $@

build/.emulator: requirements/emulator.lock
	@echo "Installing the AWS emulator ..."
	@$(PYTHON) -m venv .venv-emulator
	@.venv-emulator/bin/python $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.sam: requirements/sam.lock
	@echo "Installing the SAM and AWS command lines ..."
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.checkov: requirements/checkov.lock
	@echo "Installing Checkov ..."
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.cloud: requirements/cloud.lock
	@echo "Installing SageMaker's SDK (700 MB) ..."
	@$(PYTHON) -m venv .venv-cloud
	@.venv-cloud/bin/python $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

# The engine of the report wants a NumPy of its own age; what needs it says so where it can't be had.
build/.mxnet: requirements/mxnet.lock
	@echo "Installing MXNet, the engine of the report ..."
	@{ $(PYTHON) -m venv .venv-mxnet && .venv-mxnet/bin/python $(PIP) --no-deps --require-hashes -r $<; } \
		|| { rm -rf .venv-mxnet; echo "MXNet can't be installed here; tests and benchmarks go without."; }
	@mkdir -p build && touch $@

clean: ## remove everything that the other commands made
	rm -rf build .aws-sam .venv .venv-emulator .venv-sam .venv-checkov .venv-cloud .venv-mxnet
