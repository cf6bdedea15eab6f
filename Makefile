.PHONY: fmt lint types test slow long mutants pictures docs bench ci

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

long: mutants
	KILLS=200 RACES=200 pytest -m slow tests/faults --timeout 3600
	EXAMPLES=20000 pytest -m "slow or not slow" tests/fuzz tests/client/test_sse.py tests/chat/test_accumulating.py --timeout 36000
	LOAD_SECONDS=60 pytest -m slow tests/serve/test_load.py

mutants:
	python -m tests.mutation --jobs 2

pictures: # with Debian's fonts-inter and fonts-jetbrains-mono
	SCREENSHOTS=docs/images pytest -m slow tests/serve/test_page_in_chromium.py

docs:
	mkdocs build --strict

bench:
	python -m benchmarks

ci:
	.ci/run
