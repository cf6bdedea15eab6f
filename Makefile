.PHONY: fmt lint types test slow long pictures docs bench ci

fmt:
	ruff format .
	ruff check --fix .

lint:
	ruff check .
	ruff format --check .
	lint-imports

types:
	mypy
	pyright --project pyproject.toml

test:
	pytest -n auto

slow:
	pytest -m slow

long:
	KILLS=200 RACES=200 pytest -m slow tests/faults --timeout 3600
	LOAD_SECONDS=60 pytest -m slow tests/serve/test_load.py

pictures: # with Debian's fonts-inter and fonts-jetbrains-mono
	SCREENSHOTS=docs/images pytest -m slow tests/serve/test_page_in_chromium.py

docs:
	mkdocs build --strict

bench:
	python -m benchmarks

ci:
	.ci/run
