"""Suites: what a trial sees, what is scored, how reports add up, and two of them compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, ConfigurationError, Context, FunctionModel, ScriptedModel, ToolError, tool
from agentkit.chat import ChatRequest
from agentkit.evals import (
    Case,
    Report,
    Suite,
    Trial,
    called,
    called_in_order,
    called_only,
    compare,
    contains,
    costs_at_most,
    ends_with_state,
    judged,
    matches,
    output_is,
    takes_at_most,
)
from agentkit.middleware import Price

pytestmark = pytest.mark.anyio


class Shop:
    def __init__(self) -> None:
        self.sold: list[str] = []


@tool(effect="read")
def look(ctx: Context[Shop], what: str) -> str:
    """Look something up."""
    if what == "ghost":
        raise ToolError("there is none")
    return f"{what} costs 7"


@tool
def sell(ctx: Context[Shop], what: str) -> str:
    """Sell something."""
    ctx.deps.sold.append(what)
    return "sold"


def clerk(request: ChatRequest) -> Any:
    """Looks up the last word of what was said, sells it when asked to, then answers."""
    said = next(str(m.content) for m in reversed(request.messages) if m.role == "user")
    done = [m for m in request.messages[-2:] if m.role == "tool"]
    what = said.rstrip("?.").split()[-1]
    if not done:
        return [("look", {"what": what})]
    if "Sell" in said and done[-1].content != "sold":
        return [("sell", {"what": what})]
    return f"The {what}: {done[-1].content}."


def suite(*cases: Case, answer: Callable[[ChatRequest], Any] = clerk, **options: Any) -> Suite:
    agent = Agent(FunctionModel(answer), name="clerk", deps=Shop, tools=[look, sell])
    return Suite(agent, cases, **{"deps": Shop, **options})


async def scores_of(case: Case, **options: Any) -> dict[str, float | None]:
    report = await suite(case, **options).run()
    return report.trials[0].scores


@pytest.mark.parametrize(
    "scorer, expected",
    [
        (contains("LAMP", "sold"), 1.0),
        (contains("desk"), 0.0),
        (matches(r"lamp: \w+\."), 1.0),
        (output_is("The lamp: sold."), 1.0),
        (output_is("lamp"), 0.0),
        (called("sell", what="lamp"), 1.0),
        (called("sell", what="desk"), 0.0),
        (called("refund"), 0.0),
        (called_in_order("look", "sell"), 1.0),
        (called_in_order("sell", "look"), 0.0),
        (called_only("sell", "look"), 1.0),
        (called_only("look"), 0.0),
        (ends_with_state(lambda shop: shop.sold == ["lamp"]), 1.0),
        (ends_with_state(lambda shop: not shop.sold), 0.0),
        (takes_at_most(60), 1.0),
        (takes_at_most(0), 0.0),
    ],
)
async def test_each_scorer_says_what_it_sees(scorer: Any, expected: float) -> None:
    assert [*(await scores_of(Case("Sell the lamp", scorer))).values()] == [expected]


async def test_a_call_that_ended_badly_was_not_made_well() -> None:
    scores = await scores_of(Case("Where is the ghost?", called("look", what="ghost"), called_only("look")))
    assert scores == {"called": 0.0, "called_only": 1.0}


async def test_of_two_scorers_of_one_name_both_have_to_hold() -> None:
    assert await scores_of(Case("Sell the lamp", called("look"), called("refund"))) == {"called": 0.0}


async def test_a_cost_that_is_not_known_is_not_scored_and_one_that_is_counts() -> None:
    case = Case("Where is the lamp?", costs_at_most(0.01))
    assert await scores_of(case, answer=clerk) == {"costs_at_most": None}
    priced = {"function": Price(input=1, output=1)}
    assert await scores_of(case, prices=priced) == {"costs_at_most": 1.0}


async def test_several_turns_are_one_conversation() -> None:
    report = await suite(Case(["Where is the lamp?", "Sell the desk"], called_in_order("look", "look", "sell"))).run()
    assert report.trials[0].scores == {"called_in_order": 1.0}
    assert report.trials[0].output == "The desk: sold."


async def test_each_trial_has_its_own_state_and_its_own_place() -> None:
    seen: list[list[str]] = []

    def state(trial: Trial) -> bool:
        seen.append(trial.deps.sold)
        return trial.deps.sold == ["lamp"]

    told: list[tuple[int, int]] = []
    tested = suite(Case("Sell the lamp"), Case("Sell the lamp", name="again"), scorers=[state], trials=5)
    report = await tested.run(concurrency=3, progress=lambda done, total: told.append((done, total)))
    assert seen == [["lamp"]] * 10
    assert [len(case.trials) for case in report.cases] == [5, 5]
    assert told == [(n, 10) for n in range(1, 11)]


async def test_no_more_trials_run_at_once_than_asked_for() -> None:
    running, most = 0, 0

    async def slow(request: ChatRequest) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(0.01)
        running -= 1
        return "ok"

    await suite(Case("Hello"), answer=slow, trials=9).run(concurrency=3)
    assert most == 3


async def test_a_trial_that_fails_scores_zero_and_the_others_go_on() -> None:
    def answer(request: ChatRequest) -> Any:
        if "break" in str(request.messages[0].content):
            return ConfigurationError("broken")
        return "fine"

    report = await suite(Case("Please break", contains("fine")), Case("Hello", contains("fine")), answer=answer).run()
    assert [trial.scores for trial in report.trials] == [{"contains": 0.0}, {"contains": 1.0}]
    assert report.trials[0].error == "ConfigurationError: broken"
    assert "1 failed" in str(report)


async def test_calls_that_wait_are_decided_or_end_the_trial() -> None:
    @tool(approval=True)
    def refund() -> str:
        """Refund."""
        return "refunded"

    agent = Agent(ScriptedModel([[("refund", {})], "done"]), tools=[refund])
    case = Case("Refund.", contains("done"))
    waits = await Suite(agent, [case]).run()
    assert (waits.trials[0].waiting, waits.trials[0].scores) == (("refund",), {"contains": 0.0})
    decided = await Suite(agent, [case], decide=lambda state: state.approve(state.waiting[0])).run()
    assert (decided.trials[0].waiting, decided.trials[0].scores) == ((), {"contains": 1.0})


async def test_a_judge_reads_the_conversation_and_its_score_counts() -> None:
    asked: list[str] = []

    def judge(request: ChatRequest) -> str:
        asked.append(str(request.messages[-1].content))
        return json.dumps({"reason": "polite", "score": 0.75})

    scores = await scores_of(Case("Where is the lamp?", judged("It is polite.", FunctionModel(judge))))
    assert scores == {"judged": 0.75}
    assert "It is polite." in asked[0]
    assert "The lamp: lamp costs 7." in asked[0]


async def test_a_cassette_makes_the_second_run_free(tmp_path: Path) -> None:
    model = FunctionModel(clerk)
    agent = Agent(model, deps=Shop, tools=[look, sell])
    tested = Suite(agent, [Case("Sell the lamp", contains("sold"))], deps=Shop, trials=2, cassette=tmp_path / "c.jsonl")
    first = await tested.run(concurrency=1)
    asked = len(model.requests)
    second = await tested.run(concurrency=1)
    assert (asked, len(model.requests)) == (6, 6)
    assert first.scores == second.scores
    wider = Suite(agent, [Case("Sell the desk")], deps=Shop, cassette=tmp_path / "c.jsonl")
    await wider.run()
    assert len(model.requests) == 9  # only what the cassette lacks


async def test_thresholds_decide_and_the_report_reads_back() -> None:
    tested = suite(Case("Sell the lamp"), Case("Hello"), scorers=[called("sell")], thresholds={"called": 0.9})
    report = await tested.run()
    assert (report.passed, report.missed) == (False, {"called": (0.5, 0.9)})
    assert "below its threshold: called 0.500 < 0.9" in str(report)
    assert Report.read(report.model_dump_json()) == report
    with pytest.raises(ConfigurationError, match="report: Invalid JSON|report"):
        Report.read("{}")


async def test_two_reports_are_compared_case_by_case() -> None:
    def lazy(request: ChatRequest) -> Any:
        said = str(request.messages[0].content)
        return "no" if "desk" in said else clerk(request)

    cases = [Case(f"Sell the {what}", called("sell")) for what in ("lamp", "desk", "chair", "desk2")]
    before = await suite(*cases[:4], answer=lazy).run()
    after = await suite(*cases[:3], Case("Sell the bed", called("sell"))).run()
    found = compare(before, after)
    (called_,) = found.differences
    assert (found.cases, found.only_before, found.only_after) == (3, ("Sell the desk2",), ("Sell the bed",))
    assert (called_.better, called_.worse) == (("Sell the desk",), ())
    assert called_.change.value == pytest.approx(1 / 3)
    assert called_.p == 1.0  # one case alone says nothing
    assert "1 better, 0 worse" in str(found)
    with pytest.raises(ConfigurationError, match="share no case"):
        compare(before, await suite(Case("Hello")).run())


async def test_the_page_holds_everything_and_runs_nothing_of_it() -> None:
    evil = "<script>alert(1)</script>"
    report = await suite(Case(f"Sell {evil}", called("sell")), thresholds={"called": 1.0}, trials=2).run()
    page = report.html()
    assert "<script" not in page
    assert "http" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<circle") >= 6


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: Case(""), "give a text"),
        (lambda: Case("x", 7), "no function|is called with|scorer 7"),
        (lambda: suite(), "give it cases"),
        (lambda: suite(Case("a"), Case("a")), "two cases are named 'a'"),
        (lambda: suite(Case("a"), trials=0), "Suite: trials=0"),
        (lambda: suite(Case("a", contains("x")), thresholds={"contain": 1.0}), "no scorer is named 'contain'"),
        (lambda: judged(" ", "offline"), "say what a good answer is"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()


async def test_a_score_beyond_its_range_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give 0 to 1, or None"):
        await suite(Case("Hello"), scorers=[lambda trial: 7]).run()
