"""The page in a browser: what people do with it, on a desk, on a phone, by keyboard."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette

from agentkit import Agent, FunctionModel, ScriptedModel, tool
from agentkit.chat import ChatRequest
from agentkit.errors import RateLimited
from agentkit.serve import create_app
from tests.serve.chromium import Open, Tab
from tests.serve.paced import Paced
from tests.serve.running import running

pytestmark = pytest.mark.slow
GO = threading.Event()
BIG = 12345678901234567891  # more than JavaScript's numbers can hold


@tool(effect="read")
def track_order(order: int) -> dict[str, object]:
    """Where an order is."""
    threading.Event().wait(0.9 if order == 7 else 0.5)
    return {"order": order, "status": "on its way", "arrives": "Thursday" if order == 7 else "Tuesday"}


@tool(approval=True)
def refund(order: int, amount: float, note: str = "") -> str:
    """Refund an order."""
    return f"refunded {amount:.2f} for order {order}"


@tool(effect="idempotent")
def pack(order: int) -> str:
    """Pack an order; takes until the test says so."""
    GO.wait(20)
    return f"order {order} is packed"


ANSWER = """Order **12** arrives first.

| Order | Status | Arrives |
|---|---|---|
| 7 | on its way | Thursday |
| 12 | on its way | Tuesday |

Both are with the carrier; you can follow them at [the carrier's page](https://carrier.example/track).
"""


def answer(request: ChatRequest) -> Any:
    last = request.messages[-1]
    text = str(getattr(last, "content", ""))
    if last.role == "tool":
        return ANSWER if "arrives" in text else f"Done: {text}."
    if "Where" in text:
        return [("track_order", {"order": 7}), ("track_order", {"order": 12})]
    if "back" in text:
        note = "broken\u202etsop yb" if "trick" in text else "arrived broken"
        order = BIG if "trick" in text else 7
        return [("refund", {"order": order, "amount": 39.9, "note": note})]
    if "Pack" in text:
        return {"content": "I pack it now. ", "tool_calls": [_call("pack", '{"order": 7}')]}
    if "fail" in text:
        raise RateLimited("over the quota of sk-secret", status=429)
    return f"You said: {text}"


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def desk(**options: Any) -> Starlette:
    model = Paced(FunctionModel(answer), 0.03)
    return create_app(Agent(model, name="support", tools=[track_order, refund, pack]), **options)


@pytest.fixture
def url() -> Iterator[str]:
    GO.clear()
    with running(desk()) as url:
        yield url
        GO.set()


@pytest.fixture
def tab(browser: Any, url: str) -> Iterator[Open]:
    tabs: list[Tab] = []

    def new(at: str = url, **options: Any) -> Tab:
        tabs.append(Tab(browser, at, **options))
        return tabs[-1]

    yield new
    GO.set()
    for each in tabs:
        each.close()


def test_two_parallel_calls_are_cards_and_bars_that_begin_before_the_message_ends(tab: Open) -> None:
    here = tab(viewport={"width": 1280, "height": 920})
    page = here.open()
    assert page.inner_text(".hollow h2") == "support"
    here.say("Where are orders 7 and 12, and which arrives first?")
    page.wait_for_selector(".card.running .chip.read")
    here.picture("running")
    here.ended()
    cards = page.locator(".card")
    assert cards.count() == 2
    assert "track_order" in cards.nth(0).inner_text()
    assert {"read", "early"} <= set(cards.nth(0).locator(".chip").all_inner_texts())
    cards.nth(1).locator("summary").click()
    assert '"arrives": "Tuesday"' in cards.nth(1).inner_text()
    assert page.locator(".text table tr").count() == 3
    assert page.inner_text(".text strong") == "12"
    bars = page.locator(".span i")
    asked, first, second, told = (bars.nth(n).bounding_box() for n in range(4))
    assert second["x"] < first["x"] + first["width"]  # both run at a time
    assert first["x"] < asked["x"] + asked["width"]  # and began while the model still spoke
    assert page.locator(".span.tool i.early").count() == 2
    assert told["x"] > second["x"] + second["width"]
    figures = page.inner_text(".panel summary small >> nth=1")  # what it cost is not known
    assert re.fullmatch(r"[1-9]\d* tokens in, [1-9]\d* out", figures)
    here.picture("page")


def test_an_approval_shows_exactly_what_runs_and_then_it_runs(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("I want my money back for order 7, it arrived broken.")
    page.wait_for_selector(".decision")
    shown = page.inner_text(".decision pre")
    assert shown == '{\n  "order": 7,\n  "amount": 39.9,\n  "note": "arrived broken"\n}'
    assert page.inner_text(".decision .chip") == "write"
    here.picture("approval")
    page.click("text=Approve")
    page.wait_for_selector("text=Done: refunded 39.90 for order 7.")
    here.ended()
    assert page.locator(".decision").count() == 0
    assert "ok" in page.locator(".card.ok summary").inner_text()


def test_signs_that_hide_and_numbers_that_javascript_would_round_are_shown_as_they_are(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("money back, with a trick")
    page.wait_for_selector(".decision")
    shown = page.inner_text(".decision pre")
    assert f'"order": {BIG}' in shown
    assert "broken\\u{202e}tsop yb" in shown


def test_a_denied_call_does_not_run_and_the_model_is_told(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("money back")
    page.click("text=Deny")
    page.wait_for_selector("text=Done: denied: the call was not approved.")
    here.ended()
    assert "denied" in page.locator(".card.denied").inner_text()


def test_a_reload_in_the_middle_of_a_run_loses_nothing_and_doubles_nothing(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("Pack order 7")
    page.wait_for_selector(".card.running")
    page.reload()
    page.wait_for_selector(".card.running")
    assert page.locator(".card").count() == 1
    assert page.inner_text(".text") == "I pack it now."
    assert page.locator(".user").all_inner_texts() == ["Pack order 7"]
    GO.set()
    page.wait_for_selector("text=Done: order 7 is packed.")
    here.ended()
    assert page.locator(".text").all_inner_texts() == ["I pack it now.", "Done: order 7 is packed."]
    assert page.locator(".span.tool").count() == 1


CUT_ONCE = """
const real = window.fetch;
let [cut, pieces] = [false, 0];
window.fetch = async (path, options) => {
  const answer = await real(path, options);
  if (cut || !path.includes("/events")) return answer;
  cut = true;
  const reader = answer.body.getReader();
  const pull = async (out) => {
    const { value } = await reader.read();
    if (++pieces < 3) return out.enqueue(value);
    out.enqueue(value.slice(0, value.length / 2)); // in the middle of an event
    reader.cancel();
    setTimeout(() => out.error(new TypeError("network error")), 50);
  };
  return new Response(new ReadableStream({ pull }), { status: 200 });
};
"""


def test_after_a_connection_is_lost_nothing_is_lost_and_nothing_doubled(tab: Open) -> None:
    here = tab()
    here.page.add_init_script(CUT_ONCE)
    page = here.open()
    here.say("Pack order 7")
    page.wait_for_selector(".card.running")
    GO.set()
    page.wait_for_selector("text=Done: order 7 is packed.")
    here.ended()
    assert page.locator(".text").all_inner_texts() == ["I pack it now.", "Done: order 7 is packed."]
    read = sum(request.endswith("/events") for request in here.requests)
    assert read == 2


def test_sessions_are_found_resumed_exported_and_deleted(tab: Open) -> None:
    first = tab()
    page = first.open()
    first.say("about tea")
    page.wait_for_selector("text=You said: about tea")
    first.ended()
    page.click("text=New conversation >> nth=0")
    page.wait_for_selector(".hollow h2")
    first.say("about coffee")
    page.wait_for_selector("text=You said: about coffee")
    first.ended()
    second = tab()
    page = second.open()
    assert page.locator("nav li").all_inner_texts() == ["about coffee", "about tea"]
    page.fill("[type=search]", "TEA")
    page.wait_for_selector("nav li:only-child")
    page.click("nav li button")
    page.wait_for_selector("text=You said: about tea")
    second.say("and cake")
    page.wait_for_selector("text=You said: and cake")
    second.ended()
    assert page.locator(".user").all_inner_texts() == ["about tea", "and cake"]
    with page.expect_download() as download:
        page.click("text=Export")
    assert download.value.path().read_text().count('"kind":"input"') == 2
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Delete")
    page.wait_for_selector(".hollow h2")
    page.wait_for_selector("text=Nothing found.")


def test_light_and_dark_follow_the_system(tab: Open) -> None:
    here = tab(color_scheme="dark")
    page = here.open()

    def ground() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.split("(")[1].split(",")[0])

    assert ground() < 60
    here.say("Where are my orders?")
    here.ended()
    here.picture("dark")
    page.emulate_media(color_scheme="light")
    assert ground() > 200


def test_on_a_phone_everything_is_in_reach_and_nothing_is_cut_off(tab: Open) -> None:
    here = tab(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=2)
    page = here.open()
    here.say("Where are orders 7 and 12?")
    page.wait_for_selector(".text table")
    page.wait_for_selector("text=Send")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.is_visible("nav")
    here.picture("phone")
    page.tap(".panel summary")
    page.wait_for_selector(".panel .span")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.tap("button[aria-label=Conversations]")
    page.tap("text=New conversation >> nth=0")
    page.wait_for_selector(".hollow h2")
    assert not page.is_visible("nav")


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel"))


def test_everything_can_be_done_by_keyboard_alone(tab: Open) -> None:
    here = tab()
    page = here.open()
    page.keyboard.type("money")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("back")
    page.keyboard.press("Enter")
    page.wait_for_selector(".decision:focus")
    assert page.inner_text("p.user") == "money\nback"
    page.keyboard.press("Tab")  # what would run, to scroll in
    page.keyboard.press("Tab")
    assert focused(page) == "Approve"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Done: refunded")
    here.ended()
    page.locator(".card summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".card[open]").count() == 1
    page.focus("#input")
    page.keyboard.type("Pack order 7")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card.running")
    page.keyboard.press("Escape")
    GO.set()
    page.wait_for_selector(".end.cancelled")


def test_a_cancelled_run_says_so_and_can_go_on(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("Pack order 7")
    page.wait_for_selector(".card.running")
    page.click("text=Stop")
    GO.set()
    page.wait_for_selector(".end.cancelled")
    page.click("text=Go on")
    page.wait_for_selector("text=Done: cancelled: the call was cut off while it ran.")


def test_a_failed_run_says_what_failed_and_nothing_secret(tab: Open) -> None:
    here = tab()
    page = here.open()
    here.say("fail please")
    page.wait_for_selector(".end.failed")
    said = page.inner_text(".end.failed")
    assert said.startswith("The run failed: RateLimited (request id ")
    assert "sk-secret" not in page.content()


def test_the_agent_is_chosen_where_several_are_served(tab: Open) -> None:
    agents = [Agent(FunctionModel(lambda request, name=name: f"I am {name}"), name=name) for name in ("tea", "coffee")]
    with running(create_app(agents)) as url:
        here = tab(url)
        page = here.open()
        page.select_option("[aria-label=Agent]", "coffee")
        page.wait_for_selector(".hollow h2:text-is('coffee')")
        here.say("who are you?")
        page.wait_for_selector("text=I am coffee")
        here.ended()
        page.reload()
        page.wait_for_selector("text=I am coffee")
        assert page.input_value("[aria-label=Agent]") == "coffee"
        here.context.close()


def test_an_agent_that_runs_as_a_tool_has_its_requests_and_calls_in_the_timeline(tab: Open) -> None:
    carrier = Agent(FunctionModel(answer), name="carrier", tools=[track_order])
    script = ScriptedModel([[("carrier", {"input": "Where are they?"})], "They are on their way."])
    with running(create_app(Agent(script, name="support", tools=[carrier.as_tool()]))) as url:
        here = tab(url)
        page = here.open()
        here.say("Where are they?")
        here.ended()
        labels = page.locator(".span code").all_inner_texts()
        assert labels == ["support", "carrier", "↳ carrier", "↳ track_order", "↳ track_order", "↳ carrier", "support"]
        assert page.locator(".span.running").count() == 0
        here.context.close()


def test_a_request_that_is_refused_keeps_the_draft(tab: Open, url: str) -> None:
    here = tab()
    page = here.open()
    page.route(
        "**/agentkit/runs", lambda route: route.fulfill(status=429, json={"error": {"message": "too many runs"}})
    )
    here.say("hello")
    page.wait_for_selector("text=too many runs")
    assert page.input_value("#input") == "hello"
    here.complaints.clear()  # the browser reports the status
    page.unroute("**/agentkit/runs")
    page.press("#input", "Enter")
    page.wait_for_selector("text=You said: hello")


@pytest.mark.parametrize("asked", [{"keys": ["the-key"]}, {"page_token": "the-key"}])
def test_a_key_is_asked_for_or_taken_from_the_fragment_which_goes_nowhere(tab: Open, asked: dict[str, Any]) -> None:
    with running(desk(**asked)) as url:
        here = tab(url)
        page = here.page
        page.on("dialog", lambda asks: asks.accept("the-key") if asks.message.startswith("give ") else asks.dismiss())
        page.goto(f"{url}/")
        page.wait_for_selector(".hollow h2 >> text=support")
        here.complaints.clear()  # the browser reports the 401
        other = tab(url)
        page = other.open("#token=the-key")
        assert page.url == f"{url}/"
        other.say("hi")
        page.wait_for_selector("text=You said: hi")
        other.ended()
        assert not [request for request in other.requests if "the-key" in request]
        assert page.evaluate("Object.keys(localStorage)") == []
        page.reload()
        page.wait_for_selector("text=You said: hi")
        here.context.close()
        other.context.close()
