# CXR Alert. `make demo` shows it, `make test` proves it; `make help` lists the rest.
PYTHON ?= python3
PIP     = -m pip install --quiet --disable-pip-version-check
APP     = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo up down test lint format lock clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: build/.app build/.emulator build/.sam ## drop 24 X-rays into the local application and watch the alerts
	@$(APP) -m local demo

up: build/.app build/.emulator build/.sam ## start the local application and leave it running
	@$(APP) -m local up

down: build/.app ## stop what `make up` started
	@$(APP) -m local down

test: build/.dev build/.emulator build/.sam lint ## style, types and every test
	$(APP) -m pytest

lint: build/.dev build/.sam ## style, types, template
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1

format: build/.dev ## put the code in form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Each tool pins its own botocore, so the emulator and the SAM CLI live apart from the application.
build/.app: requirements/app.lock
	@echo "Installing the application ..."
	@test -x $(APP) || $(PYTHON) -m venv .venv
	@$(APP) $(PIP) --no-deps --require-hashes -r $<
	@mkdir -p build && touch $@

build/.dev: requirements/dev.lock requirements/training.lock build/.app
	@echo "Installing the test tools and PyTorch ..."
	@$(APP) $(PIP) --no-deps --require-hashes -r requirements/dev.lock
	@$(APP) $(PIP) -r requirements/training.lock
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

clean: ## remove everything that the other commands made
	rm -rf build .aws-sam .venv .venv-emulator .venv-sam
