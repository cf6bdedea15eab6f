"""The lines that the mutation check breaks are found, broken as meant, and no reason is given for one that is gone."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter

from .mutants import ROOT, all_mutants


def test_every_kind_of_line_is_found_and_the_broken_file_is_still_python() -> None:
    mutants = all_mutants()
    kinds = Counter(mutant.kind for mutant in mutants)
    assert min(kinds[kind] for kind in ("finally", "shield", "limit", "commit")) >= 5
    assert len({mutant.id for mutant in mutants}) == len(mutants) >= 20
    for mutant in mutants:
        whole = (ROOT / mutant.file).read_bytes()
        broken = mutant.applied(whole)
        assert broken != whole
        ast.parse(broken)


def test_reasons_are_given_for_lines_that_exist() -> None:
    reasons = tomllib.loads((ROOT / "tests" / "mutation" / "survivors.toml").read_text())
    assert set(reasons) <= {mutant.id for mutant in all_mutants()}
