// What is seen: functions of the state. `act` holds what the page can do.
import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import { markdown } from "./markdown.js";

const html = htm.bind(h);
const PATHS = {
  menu: "M3 6h18M3 12h18M3 18h18", plus: "M12 5v14M5 12h14", chart: "M4 5h9M8 12h9M12 19h8", down: "M12 4v12m-5-5 5 5 5-5M5 20h14",
  bin: "M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13", send: "M12 19V5m-6 6 6-6 6 6", stop: "M7 7h10v10H7z", theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
};
const icon = (name) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
const button = (name, label, onclick, more = {}) =>
  html`<button type="button" class="icon" title=${label} aria-label=${label} onClick=${onclick} ...${more}>${icon(name)}</button>`;

const seconds = (span) => (span < 0.9995 ? `${Math.round(span * 1000)} ms` : `${span.toFixed(span < 60 ? 1 : 0)} s`);
const count = (number) => number.toLocaleString("en");
// Signs that could hide or reorder what somebody approves are spelled out.
const plain = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) =>
  sign === "\n" ? sign : `\\u{${sign.codePointAt().toString(16)}}`);

/** JSON indented without being read as numbers: what is shown is what is there, to the last digit. */
export const indented = (text) => {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return plain(text.replace(/"(?:\\.|[^"\\])*"|[{[]\s*[}\]]|[{}[\],:]/g, (token) => {
    if (token === "{" || token === "[") return token + (depth++, line());
    if (token === "}" || token === "]") return (depth--, line()) + token;
    return token === "," ? token + line() : token === ":" ? ": " : token;
  }));
};
const shown = (text) => (/^\s*[{[]/.test(text) ? indented(text) : plain(text));

const WORDS = { proposed: "proposed", running: "runs", ok: "done", unknown: "outcome unknown", invalid: "not valid" };

const card = (call, span, now) => {
  const time = span && seconds((span.end ?? now) - span.start);
  return html`<details class="card ${call.status}" open=${call.open} key=${call.call}>
    <summary><i class="dot" /><code class="tool">${call.tool}</code><code class="brief">${plain(call.arguments)}</code>
      ${call.effect && html`<span class="chip ${call.effect}">${call.effect}</span>`}
      ${span?.early && html`<span class="chip early">early</span>`}
      <span class="status">${WORDS[call.status] ?? call.status}</span><span class="time">${time}</span></summary>
    ${call.progress && html`<p class="progress">${call.progress.message}</p>`}
    <h4>Arguments</h4><pre tabindex="0">${shown(call.arguments)}</pre>
    ${call.result != null && html`<h4>Result</h4><pre tabindex="0">${shown(call.result)}</pre>`}
  </details>`;
};

const QUESTIONS = {
  approval: "Allow this call?", external: "This call is answered from outside.",
  unknown: "This call was started, and how it ended is not known.",
};

const decision = (call, act) => {
  const decide = (verdict, more) => () => act.decide(call, verdict, more);
  const said = (event) => event.target.closest("section").querySelector("textarea").value;
  return html`<section class="decision" key=${call.call} tabindex="-1" aria-label="${QUESTIONS[call.why]} ${call.tool}">
    <h3>${QUESTIONS[call.why]}</h3>
    <p><code class="tool">${call.tool}</code> <span class="chip ${call.effect}">${call.effect}</span> with exactly</p>
    <pre tabindex="0">${shown(call.arguments)}</pre>
    ${call.expires && html`<p class="muted">until ${new Date(call.expires * 1000).toLocaleString()}</p>`}
    ${call.why !== "approval" && html`<textarea rows="2" aria-label="Result of the call" placeholder="The result, if you know it" />`}
    <div class="row">
      ${call.why === "approval" && html`<button class="main" onClick=${decide("approve")}>Approve</button>`}
      ${call.why !== "approval" && html`<button class="main" onClick=${(e) => act.decide(call, "answer", { result: said(e) })}>Give this result</button>`}
      ${call.why === "unknown" && html`<button onClick=${decide("retry")}>Run it again</button>`}
      <button onClick=${decide("deny")}>${call.why === "unknown" ? "Tell the model" : "Deny"}</button>
    </div>
  </section>`;
};

const item = (each, before, { view, now }, act) => {
  if (each.kind === "user") return html`<div class="user"><p>${each.text}</p></div>`;
  if (each.kind === "note") return html`<p class="note">${each.text}</p>`;
  const spans = view.run?.spans ?? [];
  const waits = new Set(view.waiting.map((call) => call.call));
  const speaker = each.agent && each.agent !== (before?.agent ?? view.agent) && html`<p class="speaker">${each.agent}</p>`;
  return html`<div class="turn">${speaker}
    ${each.reasoning && html`<details class="reasoning"><summary>Reasoning</summary><p>${each.reasoning}</p></details>`}
    ${each.text && html`<div class="text" dangerouslySetInnerHTML=${markdown(each.text)} />`}
    ${each.calls.filter((call) => !waits.has(call.call)).map((call) => card(call, spans.find((s) => s.key === `tool ${call.call}`), now))}
    ${each.open && !each.text && !each.calls.length && html`<p class="thinking" aria-label="The model is asked"><i /><i /><i /></p>`}
  </div>`;
};

const ENDS = { cancelled: "Cancelled.", interrupted: "This run did not come to its end.", failed: "The run failed" };

const conversation = (state, act) => {
  const { view } = state;
  const status = view.run?.status ?? view.status;
  const asks = status === "failed" || status === "cancelled" || status === "interrupted";
  if (state.loading) return html`<div class="hollow"><p class="thinking"><i /><i /><i /></p></div>`;
  if (!view.items.length && !state.problem) return html`<div class="hollow"><h2>${view.agent || "agentkit"}</h2>
    <p>${tools(state)}</p></div>`;
  const turns = view.items.map((each, n) => item(each, view.items.slice(0, n).findLast((past) => past.agent), state, act));
  return html`<div class="items" role="log" aria-live="polite" aria-busy=${status === "running"}>${turns}
    ${view.waiting.map((call) => status !== "running" && decision(call, act))}
    ${asks && html`<div class="end ${status}" role="alert"><span>${ENDS[status]}${view.run?.error ? `: ${view.run.error}` : ""}</span>
      <button onClick=${act.goOn}>Go on</button></div>`}
  </div>`;
};

const tools = ({ agents, view }) => {
  const agent = agents?.find((each) => each.agent === view.agent);
  if (!agent) return "";
  if (!agent.tools.length) return "Ask something to begin.";
  return html`Ask something to begin. It can call ${agent.tools.map((tool, n) => html`${n ? ", " : ""}<code>${tool.name}</code>`)}.`;
};

const bar = (span, from, length, now) => {
  const at = (time) => `${(100 * (time - from)) / length}%`;
  const end = span.end ?? now;
  const asked = span.early ? Math.min(span.asking.end ?? now, end) : span.start;
  const width = (a, b) => `${(100 * (b - a)) / length}%`;
  return html`<li class="span ${span.kind} ${span.status ?? "running"}" key=${span.key}>
    <span class="label" title=${span.label}>${span.nested ? "↳ " : ""}${span.kind === "model" ? span.agent : span.label}</span>
    <span class="track">
      ${span.early && html`<i class="early" title="before its message was complete" style=${{ left: at(span.start), width: width(span.start, asked) }} />`}
      <i style=${{ left: at(asked), width: width(asked, end) }} /></span>
    <span class="time">${seconds(end - span.start)}</span></li>`;
};

const timeline = ({ view, now }, act) => {
  const { run } = view;
  if (!run?.spans.length) return html`<aside class="panel" aria-label="Timeline"><h3>Timeline</h3>
    <p class="muted">${view.items.length ? "Shown for runs of the last minutes." : "What the run does, as it does it."}</p></aside>`;
  const from = run.start ?? run.spans[0].start;
  const until = run.end ?? Math.max(now, ...run.spans.map((span) => span.end ?? 0));
  const usages = run.spans.map((span) => span.usage).filter(Boolean);
  const sum = (name) => usages.reduce((total, usage) => total + (usage[name] ?? 0), 0);
  const figures = [["input tokens", count(sum("prompt_tokens"))], ["output tokens", count(sum("completion_tokens"))]];
  if (usages.length && usages.every((usage) => typeof usage.cost === "number")) figures.push(["cost", `$${sum("cost").toFixed(4)}`]);
  return html`<aside class="panel" aria-label="Timeline">
    <h3>Timeline <span class="chip ${run.status}">${run.status}</span> <span class="time">${seconds(until - from)}</span></h3>
    ${run.dropped && html`<p class="muted">The run told more than is kept: its beginning is left out.</p>`}
    <ol>${run.spans.map((span) => bar(span, from, Math.max(until - from, 1e-3), now))}</ol>
    ${run.spans.some((span) => span.early) && html`<p class="muted"><i class="early key" /> started before its message was complete</p>`}
    <dl>${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </aside>`;
};

const sidebar = (state, act) => html`<nav class="side" aria-label="Conversations">
  <div class="row"><strong class="brand">agentkit</strong>${button("theme", "Light or dark", act.theme)}</div>
  <button type="button" class="new" onClick=${act.begin}>${icon("plus")} New conversation</button>
  ${state.agents?.length > 1 && html`<label class="pick">Agent <select value=${state.view.agent} onChange=${(e) => act.pick(e.target.value)}>
    ${state.agents.map((each) => html`<option value=${each.agent}>${each.agent}</option>`)}</select></label>`}
  <input type="search" placeholder="Search" aria-label="Search conversations" value=${state.search} onInput=${(e) => act.search(e.target.value)} />
  <ul>${state.sessions?.map((each) => html`<li key=${each.session}>
    <button type="button" aria-current=${each.session === state.view.session} onClick=${() => act.open(each.session)}>
      <span>${each.title || "…"}</span>${["waiting", "running"].includes(each.status) && html`<i class="dot ${each.status}" title=${each.status} />`}</button></li>`)}</ul>
  ${state.sessions?.length === 0 && html`<p class="muted">${state.search ? "Nothing found." : "No conversations yet."}</p>`}
</nav>`;

const lock = (act) => {
  const unlock = (event) => { event.preventDefault(); act.unlock(new FormData(event.target).get("token")); };
  return html`<form class="hollow" onSubmit=${unlock}><h2>This server asks for a key</h2>
    <p><input name="token" type="password" required aria-label="Key" autocomplete="off" /> <button class="main">Open</button></p></form>`;
};

export const page = (state, act) => {
  const { view } = state;
  if (state.locked) return lock(act);
  const running = view.run?.status === "running";
  const keys = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); act.send(); } };
  const title = view.items.find((each) => each.kind === "user")?.text ?? "New conversation";
  return html`<div class="page ${state.menu ? "menu" : ""} ${state.panel ? "charted" : ""}">
    <a class="skip" href="#input">To the input</a>
    ${sidebar(state, act)}
    <main>
      <header>${button("menu", "Conversations", act.menu, { class: "icon narrow", "aria-expanded": state.menu })}
        <h1>${title}</h1>
        ${view.session && button("down", "Export", act.export)}${view.session && !running && button("bin", "Delete", act.delete)}
        ${button("chart", "Timeline", act.panel, { "aria-pressed": state.panel })}</header>
      <div class="scroll" id="scroll">${conversation(state, act)}</div>
      ${state.problem && html`<p class="problem" role="alert">${state.problem} <button type="button" onClick=${act.retry}>Try again</button></p>`}
      <form class="composer" onSubmit=${(event) => { event.preventDefault(); act.send(); }}>
        <textarea id="input" rows="1" aria-label="Message" value=${state.draft} onInput=${(e) => act.draft(e.target)} onKeyDown=${keys}
          placeholder=${view.waiting.length ? "A call waits for you; a message instead cancels it" : `Message ${view.agent ?? ""}`} />
        ${running
          ? html`<button type="button" class="main round" aria-label="Stop" title="Stop (Esc)" onClick=${act.cancel}>${icon("stop")}</button>`
          : html`<button class="main round" aria-label="Send" title="Send (Enter)" disabled=${!state.draft.trim()}>${icon("send")}</button>`}
      </form>
    </main>
    ${state.panel && timeline(state, act)}
  </div>`;
};
