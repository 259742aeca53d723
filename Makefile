.DEFAULT_GOAL := help
.PHONY: help demo demo-down test lint units integration molecule faults seeds versions bench clean

help: ## Show this list
	@scripts/help.sh

demo: ## Run the sample application below .demo/, without root or Docker
	@scripts/demo.sh

demo-down: ## Stop the demo and remove .demo/
	@scripts/demo-down.sh

test: ## Install what is needed, then lint, units, integration and molecule
	@scripts/test.sh

lint: ## Run the linters and ansible-test sanity
	@scripts/lint.sh

units: ## Run the unit tests
	@scripts/units.sh

integration: ## Run the modules against brokers and workers of their own
	@scripts/integration.sh

molecule: ## Deploy into containers with systemd and look at the outcome
	@scripts/molecule.sh

faults: ## Break a fleet of containers in every way that is known, and see it judged and healed
	@scripts/faults.sh

seeds: ## Deploy the four systems of docs/incidents.md, break them as they were, and heal them
	@scripts/seeds.sh

versions: ## Run the modules and the sentinel by every Celery on every Python that this machine has
	@scripts/versions.sh

bench: ## Measure the deploys against each other
	@scripts/bench.sh

clean: ## Remove the virtual environments and caches
	@scripts/clean.sh
