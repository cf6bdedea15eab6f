"""Every row of the list of provider quirks has a test that carries its number."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
NAMES = re.compile(r"""["'](Q\d+)\b|def test_(\w+)""")  # ids of parametrised rows, and functions of their own


def test_rows_1_to_80_each_have_a_test() -> None:
    files = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    names = [name for path in files for found in NAMES.findall(path.read_text()) for name in found]
    rows = {int(row) for name in names for row in re.findall(r"(?:^|_)[Qq](\d+)(?=_|$)", name)}
    assert sorted(set(range(1, 81)) - rows) == []
