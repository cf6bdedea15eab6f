.PHONY: fmt lint types test slow docs bench ci

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

docs:
	mkdocs build --strict

bench:
	python -m benchmarks

ci:
	.ci/run
