// What is seen: functions of the state. `act` holds what can be done.
import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import { markdown } from "./markdown.js";

const html = htm.bind(h);
const PATHS = {
  menu: "M3 6h18M3 12h18M3 18h18", chart: "M4 5h9M8 12h9M12 19h8", stop: "M7 7h10v10H7z", theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  save: "M12 4v12m-5-5 5 5 5-5M5 20h14", bin: "M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13", send: "M12 19V5m-6 6 6-6 6 6",
};
const WORDS = { proposed: "proposed", running: "runs", ok: "done", unknown: "outcome unknown", invalid: "not valid" };
const HOW_IT_ENDED = "This call was started; how it ended is not known.";
const QUESTIONS = { approval: "Allow this call?", external: "This call is answered from outside.", unknown: HOW_IT_ENDED };
const ENDS = { cancelled: "Cancelled", failed: "The run failed", interrupted: "This run did not come to its end" };
const button = (name, label, onClick, more) => html`<button type="button" class="icon" title=${label} aria-label=${label}
  onClick=${onClick} ...${more}><svg viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg></button>`;
const chip = (text, kind = text) => text && html`<span class="chip ${kind}">${text}</span>`;
const seconds = (span) => (span < 0.9995 ? `${Math.round(span * 1000)} ms` : `${span.toFixed(span < 60 ? 1 : 0)} s`);
const dots = html`<p class="dots" aria-label="Please wait"><i /><i /><i /></p>`;
// Signs that could hide or reorder what somebody approves are spelled out.
const plain = (text) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => (sign === "\n" ? sign : `\\u{${sign.codePointAt().toString(16)}}`));
/** JSON indented as text: what is shown is what is there, to the last digit of a number. */
const indented = (json) => {
  let depth = 0;
  return json.replace(/"(?:\\.|[^"\\])*"|[{[]\s*[}\]]|[{}[\],:]/g, (token) => {
    depth += "{[".includes(token) - "}]".includes(token);
    const line = `\n${"  ".repeat(depth)}`;
    return token === ":" ? ": " : "{[,".includes(token) ? token + line : "}]".includes(token) ? line + token : token;
  });
};
const text = (value) => html`<pre tabindex="0">${plain(/^\s*[{[]/.test(value) ? indented(value) : value)}</pre>`;
const early = ({ asking, start }) => asking && (asking.end === undefined || start < asking.end);

const card = (call, span, now) => html`<details class="card ${call.status}" key=${call.call}>
  <summary><i class="dot" /><code>${call.tool}</code><code class="brief">${plain(call.arguments)}</code>
    ${chip(call.effect)} ${span && early(span) && chip("early")}
    <span class="status">${WORDS[call.status] ?? call.status}</span>
    <span class="time">${span && seconds((span.end ?? now) - span.start)}</span></summary>
  ${call.progress && html`<p>${call.progress}</p>`}
  <h4>Arguments</h4>${text(call.arguments)}
  ${call.result != null && html`<h4>Result</h4>${text(call.result)}`}
</details>`;

const decision = (call, act) => {
  const say = (verdict, label, kind, more) =>
    html`<button class=${kind} onClick=${({ target }) => act.decide(call, verdict, more?.(target.form.said.value))}>${label}</button>`;
  const asked = call.why === "approval";
  return html`<form class="decision" key=${call.call} tabindex="-1" aria-label="${QUESTIONS[call.why]} ${call.tool}"
      onSubmit=${(event) => event.preventDefault()}>
    <h3>${QUESTIONS[call.why]}</h3>
    <p><code>${call.tool}</code> ${chip(call.effect)} with exactly these arguments</p>${text(call.arguments)}
    ${call.expires && html`<p class="muted">until ${new Date(call.expires * 1000).toLocaleString()}</p>`}
    ${!asked && html`<textarea name="said" rows="2" aria-label="Result" placeholder="The result, if you know it" />`}
    <div class="row">
      ${asked ? say("approve", "Approve", "main") : say("answer", "Give this result", "main", (result) => ({ result }))}
      ${call.why === "unknown" && say("retry", "Run it again")} ${say("deny", call.why === "unknown" ? "Tell the model" : "Deny")}
    </div>
  </form>`;
};

const turn = (item, view, tools, now) => {
  const effect = (call) => tools.find(({ name }) => name === call.tool)?.effect; // until the kept one comes
  const calls = item.calls.filter((call) => !view.waiting.some((waits) => waits.call === call.call));
  return html`<div class="turn">${item.agent && item.agent !== view.agent && html`<p class="speaker">${item.agent}</p>`}
    ${item.reasoning && html`<details class="muted"><summary>Reasoning</summary><p class="said">${item.reasoning}</p></details>`}
    ${item.text && html`<div class="text" dangerouslySetInnerHTML=${markdown(item.text)} />`}
    ${calls.map((call) => card({ effect: effect(call), ...call }, view.times[call.call], now))}
    ${item.open && !item.text && !calls.length && dots}</div>`;
};

const conversation = (state, act) => {
  const { view, agents } = state;
  if (state.loading) return html`<div class="hollow">${dots}</div>`;
  const { tools } = agents.find((each) => each.agent === view.agent) ?? { tools: [] };
  if (!view.items.length) return html`<div class="hollow"><h2>${view.agent}</h2><p>Ask something to begin.</p>
    <p class="muted">${tools.length > 0 && "It can call "}${tools.map(({ name }, n) => html`${n > 0 && ", "}<code>${name}</code>`)}</p></div>`;
  const status = view.run?.status ?? view.status;
  return html`<div class="items" role="log" aria-busy=${status === "running"}>
    ${view.items.map((item) =>
      item.kind === "turn" ? turn(item, view, tools, Date.now() / 1000) : html`<p class="said ${item.kind}">${item.text}</p>`)}
    ${status !== "running" && view.waiting.map((call) => decision(call, act))}
    ${ENDS[status] && html`<p class="end ${status}" role="alert">${ENDS[status]}${view.run?.error && `: ${view.run.error}`}
      <button type="button" onClick=${act.goOn}>Go on</button></p>`}
  </div>`;
};

const row = (span, from, length, now) => {
  const end = span.end ?? now;
  const whole = early(span) ? Math.min(span.asking.end ?? end, end) : span.start; // when its message was complete
  const part = (kind, a, b) =>
    html`<i class=${kind} style=${{ left: `${(100 * (a - from)) / length}%`, width: `${(100 * (b - a)) / length}%` }} />`;
  return html`<li class="span ${span.kind} ${span.status}" key=${span.key}>
    <span class="label" title=${span.label}>${span.turn === null && "↳ "}${span.label}</span>
    <span class="track">${early(span) && part("early", span.start, whole)}${part("", whole, end)}</span>
    <span class="time">${seconds(end - span.start)}</span></li>`;
};

const timeline = (view) => {
  const now = Date.now() / 1000;
  const { spans, status, start = now, end, dropped } = view.run ?? { spans: [] };
  const asked = spans.filter((span) => span.usage);
  const tokens = (name) => asked.reduce((sum, span) => sum + (span.usage[name] ?? 0), 0).toLocaleString();
  const figure = (name, value) => html`<dt>${name}</dt><dd>${value}</dd>`;
  const cost = asked.reduce((sum, span) => sum + (span.cost ?? NaN), 0); // one that is not known makes the sum so
  const length = Math.max((end ?? now) - start, 0.001);
  return html`<aside class="panel" aria-label="Timeline">
    <h3>Timeline ${chip(status)} ${status && html`<span class="time">${seconds(length)}</span>`}</h3>
    ${!spans.length && html`<p class="muted">The requests and calls of a run, as they happen and for some minutes after.</p>`}
    ${dropped && html`<p class="muted">The run told more than is kept: its beginning is left out.</p>`}
    <ol>${spans.map((span) => row(span, start, length, now))}</ol>
    ${spans.some(early) && html`<p class="muted"><i class="early" /> started before its message was complete</p>`}
    ${asked.length > 0 && html`<dl>${figure("input tokens", tokens("prompt_tokens"))}
      ${figure("output tokens", tokens("completion_tokens"))} ${!Number.isNaN(cost) && figure("cost", `$${cost.toFixed(4)}`)}</dl>`}
  </aside>`;
};

const sidebar = ({ agents, sessions, search, view }, act) => html`<nav class="side" aria-label="Conversations">
  <div class="row"><strong>agentkit</strong>${button("theme", "Light or dark", act.theme)}</div>
  <button type="button" onClick=${() => act.begin(view.agent)}>New conversation</button>
  ${agents.length > 1 && html`<select aria-label="Agent" value=${view.agent} onChange=${({ target }) => act.begin(target.value)}>
    ${agents.map(({ agent }) => html`<option>${agent}</option>`)}</select>`}
  <input type="search" placeholder="Search" aria-label="Search" value=${search} onInput=${({ target }) => act.search(target.value)} />
  ${sessions?.length === 0 && html`<p class="muted">${search ? "Nothing found." : "No conversations yet."}</p>`}
  <ul>${sessions?.map(({ session, title, status }) => html`<li key=${session}>
    <button type="button" aria-current=${session === view.session} onClick=${() => act.open(session)}>
      <span>${title || "…"}</span>${["waiting", "running"].includes(status) && html`<i class="dot ${status}" title=${status} />`}
    </button></li>`)}</ul>
</nav>`;
const onSubmit = (work) => (event) => { event.preventDefault(); work(event.target); };
const lock = (act) => html`<form class="hollow" onSubmit=${onSubmit(({ key }) => act.unlock(key.value))}><h2>This server asks for a key</h2>
  <p class="row"><input name="key" type="password" required aria-label="Key" /><button class="main">Open</button></p></form>`;

export const page = (state, act) => {
  const { view, draft, problem, menu, panel, locked } = state;
  if (locked) return lock(act);
  const running = view.run?.status === "running";
  const round = { class: "main round" };
  const onKeyDown = (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && onSubmit(act.send)(event);
  return html`<div class="page ${menu && "menu"} ${panel && "charted"}">
    <a class="skip" href="#input">To the message</a>
    ${sidebar(state, act)}
    <main>
      <header>${button("menu", "Conversations", () => act.toggle("menu"), { "aria-expanded": menu })}
        <h1>${view.items.find(({ kind }) => kind === "user")?.text ?? "New conversation"}</h1>
        ${view.session && [button("save", "Export", act.export), !running && button("bin", "Delete", act.remove)]}
        ${button("chart", "Timeline", () => act.toggle("panel"), { "aria-pressed": panel })}</header>
      <div id="scroll">${conversation(state, act)}</div>
      ${problem && html`<p class="end failed" role="alert">${problem} <button type="button" onClick=${act.start}>Try again</button></p>`}
      <form class="composer" onSubmit=${onSubmit(act.send)}>
        <textarea id="input" rows="1" aria-label="Message" value=${draft} onKeyDown=${onKeyDown}
          onInput=${({ target }) => act.draft(target.value)}
          placeholder=${view.waiting.length ? "A call waits for you; a message instead cancels it" : "Message"} />
        ${running ? button("stop", "Stop", act.cancel, round) : button("send", "Send", act.send, { ...round, disabled: !draft.trim() })}
      </form>
    </main>
    ${panel && timeline(view)}
  </div>`;
};
