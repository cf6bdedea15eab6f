// What is seen: functions of the state. `act` holds what can be done.
import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import { Markdown } from "./markdown.js";

const html = htm.bind(h);
const WIDE = matchMedia("(min-width: 44rem)").matches;
const ENDS = { cancelled: "Cancelled", failed: "The run failed", interrupted: "This run did not come to its end" };
const WAITS = {
  approval: ["Allow this call?", { approve: "Approve", deny: "Deny" }],
  external: ["This call is answered from outside.", { answer: "Give this result", deny: "Deny" }],
  unknown: ["Its end is not known.", { answer: "Give this result", retry: "Run it again", deny: "Tell the model" }],
};
const chip = (text) => text && html`<small class="chip ${text}">${text}</small>`;
const seconds = (span) => (span < 0.9995 ? `${Math.round(span * 1000)} ms` : `${span.toFixed(span < 60 ? 1 : 0)} s`);
const on = (work) => (event) => { event.preventDefault(); work(event); };
// Signs that could hide or reorder what somebody approves are spelled out.
const plain = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) =>
  sign === "\n" ? sign : `\\u{${sign.codePointAt().toString(16)}}`);
const exact = (_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value); // to the last digit
const shown = (text) => {
  let lines = text;
  try { lines = JSON.stringify(JSON.parse(text, exact), null, 2); } catch { /* it is no JSON */ }
  return html`<pre tabindex="0">${plain(lines)}</pre>`;
};

const card = (call, span, now) => html`<details class="card ${call.status}" key=${call.call}>
  <summary><i class="dot" /><code>${call.tool}</code><code class="brief">${plain(call.arguments)}</code>
    ${chip(call.effect)} ${chip(span?.early && "early")} <small>${call.status}</small>
    <small class="time">${span && seconds((span.end ?? now) - span.start)}</small></summary>
  ${call.progress && html`<p>${call.progress}</p>`}
  <small>Arguments</small>${shown(call.arguments)}
  ${call.result != null && html`<small>Result</small>${shown(call.result)}`}
</details>`;

const decision = ({ call, digest, tool, effect, arguments: text, why, expires }, act) => {
  const [question, verdicts] = WAITS[why];
  const decide = ({ submitter: { value: verdict }, target }) =>
    act.decide({ call, digest, verdict, ...(verdict === "answer" && { result: target.said.value }) });
  return html`<form class="decision" key=${call} tabindex="-1" aria-label="${question} ${tool}" onSubmit=${on(decide)}>
    <p><strong>${question}</strong> <code>${tool}</code> ${chip(effect)} with exactly these arguments</p>${shown(text)}
    ${expires && html`<small>until ${new Date(expires * 1000).toLocaleString()}</small>`}
    ${verdicts.answer && html`<textarea name="said" rows="2" placeholder="The result, if you know it" />`}
    <p class="row">${Object.entries(verdicts).map(([value, name]) => html`<button value=${value}>${name}</button>`)}</p>
  </form>`;
};

const turn = (item, { agent, waiting, spans }, effects, now) => html`<div class="turn">
  ${item.agent && item.agent !== agent && html`<small>${item.agent}</small>`}
  ${item.reasoning && html`<details><summary>Reasoning</summary><p class="said">${item.reasoning}</p></details>`}
  ${item.text && html`<${Markdown} text=${item.text} />`}
  ${item.calls.filter(({ call }) => !waiting.some((waits) => waits.call === call)).map((call) =>
    card({ effect: effects[call.tool], ...call }, spans.find(({ key, start }) => key === call.call && start), now))}
</div>`;

const bar = (span, from, length, now) => {
  const took = (span.end ?? now) - span.start;
  const style = { left: `${(100 * (span.start - from)) / length}%`, width: `${(100 * took) / length}%` };
  return html`<li class="span ${span.kind} ${span.status}" key=${span.key}>
    <code title=${span.label}>${span.turn == null && "↳ "}${span.label}</code>
    <div><i class=${span.early && "early"} style=${style} /></div><small class="time">${seconds(took)}</small></li>`;
};

const timeline = ({ run: { id, start, end, status, dropped }, spans }, now) => {
  const took = (end ?? now) - start;
  const own = spans.filter((span) => span.start >= start);
  const tokens = (name) => own.reduce((sum, { usage }) => sum + (usage?.[name] ?? 0), 0).toLocaleString();
  const spent = `${tokens("prompt_tokens")} tokens in, ${tokens("completion_tokens")} out`;
  const cost = own.reduce((sum, { usage, cost }) => sum + (usage ? cost ?? NaN : 0), 0); // NaN: not known
  return html`<details class="panel" open=${WIDE} key=${id}>
    <summary><strong>Timeline</strong> ${chip(status)} <small>${spent}${cost > 0 && `, $${cost.toFixed(4)}`}</small>
      <small class="time">${seconds(took)}</small></summary>
    ${dropped && html`<p>The run told more than is kept: its beginning is left out.</p>`}
    <ol>${own.map((span) => bar(span, start, Math.max(took, 0.001), now))}</ol>
    ${own.some(({ early }) => early) && html`<small>Hatched: began before its message was complete</small>`}
  </details>`;
};

const conversation = ({ agents, view }, running, act) => {
  const now = Date.now() / 1000;
  const tools = agents.find(({ agent }) => agent === view.agent)?.tools ?? [];
  const effects = Object.fromEntries(tools.map(({ name, effect }) => [name, effect])); // until the kept ones come
  const { status, error } = view.run ?? view;
  if (!view.items.length) return html`<div class="hollow"><h2>${view.agent}</h2><p>Ask something to begin.</p>
    <small>${tools.length > 0 && `It can call ${tools.map(({ name }) => name).join(", ")}`}</small></div>`;
  return html`<div class="items" role="log" aria-busy=${running}>
    ${view.items.map((item) =>
      item.kind === "turn" ? turn(item, view, effects, now) : html`<p class="said ${item.kind}">${item.text}</p>`)}
    ${running && html`<progress aria-label="Please wait" />`} ${view.run?.start && timeline(view, now)}
    ${!running && view.waiting.map((call) => decision(call, act))}
    ${ENDS[status] && html`<p class="end ${status}" role="alert">${ENDS[status]}${error && `: ${error}`}
      <button onClick=${act.goOn}>Go on</button></p>`}
  </div>`;
};

const sidebar = ({ agents, sessions, search, view }, act) => html`<nav id="side" popover="auto">
  <strong>agentkit</strong><button onClick=${() => act.begin(view.agent)}>New conversation</button>
  ${agents.length > 1 && html`<select aria-label="Agent" onChange=${({ target }) => act.begin(target.value)}>
    ${agents.map(({ agent }) => html`<option selected=${agent === view.agent}>${agent}</option>`)}</select>`}
  <input type="search" placeholder="Search" aria-label="Search" onInput=${({ target }) => act.search(target.value)} />
  ${search && !sessions.length && html`<small>Nothing found.</small>`}
  <ul>${sessions.map(({ session, title, status }) => html`<li key=${session}>
    <button aria-current=${session === view.session} onClick=${() => act.open(session)}><span>${title || "…"}</span>
      ${status !== "done" && html`<i class="dot ${status}" title=${status} />`}</button></li>`)}</ul>
  ${view.session && html`<p class="row"><button onClick=${act.export}>Export</button>
    <button onClick=${act.remove}>Delete</button></p>`}
</nav>`;

export const page = (state, act) => {
  const { view, problem } = state;
  const running = view.run?.status === "running";
  const onKeyDown = (event) => {
    if (event.key === "Escape") act.cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    on(() => event.target.form.requestSubmit())(event);
  };
  return html`${sidebar(state, act)}<main>
    <div id="scroll">${conversation(state, running, act)}</div>
    ${problem && html`<p class="end failed" role="alert">${problem} <button onClick=${act.start}>Retry</button></p>`}
    <form class="composer" onSubmit=${on(act.send)}>
      <button type="button" popovertarget="side" aria-label="Conversations">☰</button>
      <textarea id="input" required autofocus rows="1" aria-label="Message" onKeyDown=${onKeyDown}
        placeholder=${view.waiting.length ? "A call waits for you; a message instead cancels it" : "Message"} />
      ${running ? html`<button type="button" onClick=${act.cancel}>Stop</button>` : html`<button>Send</button>`}
    </form>
  </main>`;
};
