"""What models, tools and other sites may try on the page and its server, and that it does no harm (S9 to S12)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentkit import Agent, FunctionModel, MemoryStore, Tool
from agentkit.chat import ChatRequest
from agentkit.serve import create_app
from tests.serve.chromium import ELSEWHERE, Elsewhere, Tab, elsewhere_of
from tests.serve.running import running

PAYLOADS = """
<script>document.title='hacked'</script>
<img src="{there}/img" onerror="document.title='hacked'">
<svg onload="document.title='hacked'"><animate href="{there}/svg" onbegin="document.title='hacked'"/></svg>
<iframe srcdoc="<script>parent.document.title='hacked'</script>"></iframe><iframe src="{there}/frame"></iframe>
<a href="javascript:document.title='hacked'">plain</a> [link](javascript:document.title='hacked')
[link](JaVaScRiPt&colon;alert(1)) [link](data:text/html;base64,PHNjcmlwdD4=) [link](vbscript:x) [local](/agentkit/sessions)
<style>@import "{there}/style"; * {{ background: url({there}/background) }}</style><link rel="stylesheet" href="{there}/link">
<link rel="prefetch" href="{there}/prefetch"><link rel="dns-prefetch" href="{there}"><base href="{there}/base">
<meta http-equiv="refresh" content="0; url={there}/meta"><object data="{there}/object"></object><embed src="{there}/embed">
![secret]({there}/image?secret=1) ![x](data:image/png;base64,AA==) <video src="{there}/video" autoplay></video>
<form action="{there}/form"><button formaction="javascript:1" autofocus onfocus="document.title='hacked'">go</button></form>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=document.title='hacked'&gt;">
<div style="background:url({there}/inline);position:fixed;inset:0" id="input" name="getElementById">over</div>
<details open ontoggle="document.title='hacked'"><summary>x</summary></details> <input onfocus="document.title='hacked'" autofocus>
[good]({there}/only-if-clicked "title\\" onmouseover=document.title='hacked'")
`<img src=x onerror=document.title='hacked'>` &lt;script&gt; {{{{constructor.constructor('document.title=1')()}}}}
```html
</code></pre><script>document.title='hacked'</script>
```
"""
STATE = """
[document.title,
 [...document.querySelectorAll("body script, body img, body iframe, body object, body embed, body video, body style, body link, body base, body meta, body math")].length,
 [...document.querySelectorAll("body *")].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith("on")).length,
 [...document.querySelectorAll(".text a")].map((a) => [a.getAttribute("href"), a.rel, a.target])]
"""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    site = Elsewhere()
    yield site
    site.close()


def hostile(request: ChatRequest) -> Any:
    """Whatever it is told comes back as text, as the arguments of a call and its id, and as the tool's result."""
    said = next(str(m.content) for m in reversed(request.messages) if m.role == "user")
    if request.messages[-1].role == "tool":
        return said
    function = {"name": "show", "arguments": json.dumps({"text": said})}
    return {"content": said, "tool_calls": [{"id": said, "type": "function", "function": function}]}


def harmless(page: Any) -> None:
    title, elements, handlers, links = page.evaluate(STATE)
    assert (title, elements, handlers) == ("agentkit", 0, 0)
    for href, rel, target in links:
        assert href is None or href.startswith(("http://", "https://"))
        assert (rel, target) == ("noopener noreferrer", "_blank")


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False])
def test_texts_of_models_and_tools_run_nothing_and_fetch_nothing(
    browser: Any, elsewhere: Elsewhere, together: bool
) -> None:
    texts = PAYLOADS.format(there=elsewhere.url)
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    shows = Tool.from_schema("show", texts, schema, lambda text: text, effect="read")
    agent = Agent(FunctionModel(hostile), name=texts.split()[0] + texts.split()[2], tools=[shows])
    with running(create_app(agent)) as url:
        here = Tab(browser, url)
        page = here.open()
        for said, text in enumerate([texts] if together else texts.strip().split("\n"), 1):
            here.say(text)
            page.wait_for_selector(f".turn >> nth={2 * said - 1}")
            page.wait_for_selector("text=Send")
            page.locator(".card summary").last.click()
            harmless(page)
        page.reload()
        page.wait_for_selector(".card")
        page.wait_for_timeout(300)
        harmless(page)
        here.close()  # every request went to the server of the page
    assert elsewhere.visits == []


@pytest.mark.slow
def test_the_policy_itself_stops_what_would_get_past_the_sanitiser(browser: Any, elsewhere: Elsewhere) -> None:
    with running(create_app(Agent(FunctionModel(lambda request: "hi")))) as url:
        here = Tab(browser, url)
        page = here.open()
        tried = page.evaluate(
            """async (there) => {
              const refused = [];
              document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
              for (const [tag, name] of [["img", "src"], ["script", "src"], ["iframe", "src"], ["link", "href"]]) {
                const element = document.createElement(tag);
                if (tag === "link") element.rel = "stylesheet";
                try { element[name] = `${there}/${tag}`; } catch { refused.push("trusted-types"); }
                document.body.append(element);
              }
              try { document.body.innerHTML += "<b onclick='1'></b>"; } catch { refused.push("trusted-types"); }
              await fetch(there).catch(() => refused.push("fetch"));
              await new Promise((wake) => setTimeout(wake, 300));
              return refused;
            }""",
            elsewhere.url,
        )
        assert {"img-src", "frame-src", "style-src-elem", "connect-src", "trusted-types", "fetch"} <= set(tried)
        here.context.close()
    assert elsewhere.visits == []


ATTACK = """<!doctype html><title>begin</title><form id="form" method="post" enctype="text/plain" target="frame"></form>
<iframe name="frame"></iframe><script type="module">
const there = new URLSearchParams(location.search).get("there");
const body = JSON.stringify({ agent: "agent", input: "steal" });
const read = [];
const tries = [
  fetch(`${there}/agentkit/runs`, { method: "POST", mode: "no-cors", body, headers: { "content-type": "text/plain" } }),
  fetch(`${there}/agentkit/runs`, { method: "POST", body, headers: { "content-type": "application/json" } }),
  fetch(`${there}/agentkit/runs`, { method: "POST", mode: "no-cors", body: new URLSearchParams({ body }) }),
  fetch(`${there}/agentkit/sessions`).then((answer) => answer.text()).then((text) => read.push(text)),
  fetch(`${there}/agentkit/sessions/mine`, { method: "DELETE" }),
  new Promise((done) => {
    const source = new EventSource(`${there}/agentkit/sessions`);
    source.onmessage = (event) => read.push(event.data);
    source.onerror = () => { source.close(); done(); };
  }),
];
navigator.sendBeacon(`${there}/agentkit/runs`, body);
const form = document.getElementById("form");
form.action = `${there}/agentkit/runs`;
form.innerHTML = `<input name='{"agent":"agent","input":"steal","x":"' value='"}'>`;
form.submit();
const frame = document.createElement("iframe");
frame.src = there;
document.body.append(frame);
const pasted = document.createElement("script");
pasted.src = `${there}/agentkit/sessions`;
document.body.append(pasted);
await Promise.allSettled(tries);
await new Promise((wake) => setTimeout(wake, 700));
try { read.push(frame.contentDocument.body.innerHTML); } catch {}
document.title = `read ${read.length}`;
</script>"""


def attacked(browser: Any, address: str) -> list[int]:
    """Open the hostile page and let it do its worst; the answers that its requests for runs got."""
    context = browser.new_context()
    page = context.new_page()
    statuses: list[int] = []
    page.on("response", lambda answer: answer.url.endswith("/agentkit/runs") and statuses.append(answer.status))
    page.goto(address)
    page.wait_for_function("document.title.startsWith('read')")
    assert page.title() == "read 0"
    context.close()
    return statuses


@pytest.mark.slow
def test_another_site_can_neither_start_runs_nor_read_nor_frame_the_page(browser: Any) -> None:
    asked: list[str] = []
    model = FunctionModel(lambda request: asked.append(request.messages[-1].role) or "answer")  # type: ignore[func-returns-value]
    site = Elsewhere(ATTACK)
    with running(create_app(Agent(model))) as url:
        httpx.post(f"{url}/agentkit/runs", json={"agent": "agent", "input": "mine", "session": "mine"})
        for there in (url, elsewhere_of(url)):  # by its own address, and by a name that resolves to it
            statuses = attacked(browser, f"{site.url}/?there={there}")
            assert statuses
            assert all(status >= 400 for status in statuses)
        sessions = httpx.get(f"{url}/agentkit/sessions").json()["sessions"]
    site.close()
    assert [session["session"] for session in sessions] == ["mine"]
    assert asked == ["user"]


@pytest.mark.slow
def test_a_name_that_somebody_else_lets_point_here_opens_no_page(browser: Any) -> None:
    with running(create_app(Agent(FunctionModel(lambda request: "hi")))) as url:
        context = browser.new_context()
        page = context.new_page()
        answer = page.goto(elsewhere_of(url))
        assert answer.status == 403
        assert page.locator("script").count() == 0
        body = {"agent": "agent", "input": "rebound"}
        read = page.evaluate(
            """async (body) => {
              const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
              const answers = [fetch("/agentkit/runs", options), fetch("/agentkit/sessions")];
              return Promise.all(answers.map((answer) => answer.then(({ status }) => status, () => "blocked")));
            }""",
            body,
        )
        assert read == ["blocked", "blocked"]  # by the policy of the refusal; the server would refuse these too
        context.close()


HOSTS = [
    ELSEWHERE,
    f"{ELSEWHERE}:80",
    "127.0.0.1.elsewhere.test",
    "localhost.elsewhere.test",
    "",
    "[",
    "a@localhost:b@elsewhere.test",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/agentkit/web/app.js", "/agentkit/agents", "/agentkit/sessions"])
def test_a_host_that_is_not_ours_gets_nothing(host: str, path: str) -> None:
    with running(create_app(Agent(FunctionModel(lambda request: "hi")))) as url:
        answer = httpx.get(url + path, headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "agents" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "text/plain; application/json"},
        {"content-type": ""},
        {"content-type": "application/json", "origin": f"http://{ELSEWHERE}"},
        {"content-type": "application/json", "origin": "null"},
        {"content-type": "application/json", "origin": "http://127.0.0.1:1"},
    ],
)
def test_a_request_that_a_page_of_another_site_could_send_starts_nothing(headers: dict[str, str]) -> None:
    store = MemoryStore()
    body = b'{"agent": "agent", "input": "steal"}'
    with running(create_app(Agent(FunctionModel(lambda request: "hi")), store=store)) as url:
        answer = httpx.post(f"{url}/agentkit/runs", content=body, headers=headers)
        assert answer.status_code in (403, 415)
        assert "access-control-allow-origin" not in answer.headers
        options = httpx.options(f"{url}/agentkit/runs", headers={"origin": f"http://{ELSEWHERE}"})
        assert "access-control-allow-origin" not in options.headers
        assert httpx.get(f"{url}/agentkit/sessions").json() == {"sessions": []}
