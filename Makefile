.DEFAULT_GOAL := help
.PHONY: help demo demo-down test test-all times lint units integration molecule faults seeds versions bench clean

help: ## Show this list
	@scripts/help.sh

demo: ## Run the sample application below .demo/, without root or Docker
	@scripts/demo.sh

demo-down: ## Stop the demo and remove .demo/
	@scripts/demo-down.sh

test: ## Install what is needed, and run the tests that every change has to pass
	@scripts/test.sh quick

test-all: ## Run every test; goes on where it stopped, for the same tree
	@scripts/test.sh all

times: ## Show where the time of the last run went
	@scripts/test.sh times

lint: ## Run the linters and ansible-test sanity
	@scripts/test.sh gate

units: ## Run the unit tests
	@scripts/test.sh units

integration: ## Run the modules against brokers and workers of their own
	@scripts/test.sh integration

molecule: ## Deploy into containers with systemd and look at the outcome
	@scripts/test.sh scenario

faults: ## Break a fleet of containers in every way that is known, and see it judged and healed
	@scripts/faults.sh

seeds: ## Deploy the four systems of docs/incidents.md, break them as they were, and heal them
	@TASKFLEET_WHOLE=1 scripts/test.sh scenario/mikrom scenario/customify scenario/breathecode scenario/marketplace

versions: ## Run the modules and the sentinel by every Celery on every Python that this machine has
	@scripts/test.sh versions

bench: ## Measure what has to be quick against something else in the same run
	@scripts/test.sh bench

clean: ## Remove the virtual environments and caches
	@scripts/clean.sh
