// A conversation as the page shows it: what the server keeps of a session, changed by the events of a run in it.
// Events may come twice (after a reload, or a lost connection, they come from the first): each sets, none adds.

export const empty = (agent) => ({ session: null, agent, status: "empty", items: [], waiting: [], spans: [] });
export const opened = (kept, spans) => ({ ...kept, spans, run: kept.run && { id: kept.run, status: "running" } });

/** The row that is called `value`, made where there is none. */
const row = (rows, key, value, made) => {
  let found = rows.find((each) => each[key] === value);
  if (!found) rows.push((found = { [key]: value, ...made }));
  return found;
};
const said = () => ({ text: "", reasoning: "", calls: [] });
const turnOf = ({ items }, turn) => row(items, "turn", turn, { kind: "turn", ...said() });
const callOf = (view, { id, name, arguments: text }) => {
  const { calls } = turnOf(view, parseInt(id));
  return Object.assign(row(calls, "call", id, { status: "proposed" }), { tool: name, arguments: text });
};
const span = ({ spans }, key, fields) => Object.assign(row(spans, "key", key), fields);
const add = (field) => (view, { text, choice }) => { if (!choice) turnOf(view, view.run.turn)[field] += text; };
const end = (view, { event, at, error, status = event.slice("Run".length).toLowerCase() }) => {
  for (const each of view.spans) each.end ??= at;
  Object.assign(view.run, { status, error, end: at });
};

const changes = {
  RunStarted: ({ run }, { at }) => { run.start = at; },
  ModelStarted: (view, { at, request, turn, agent }) => {
    span(view, `${view.run.id}/${request}`, { kind: "model", label: agent, turn, start: at });
    if (turn !== null) Object.assign(turnOf(view, (view.run.turn = turn)), said(), { agent });
  },
  ModelFinished: (view, { at, request, usage, cost, error }) =>
    span(view, `${view.run.id}/${request}`, { end: at, usage, cost, status: error ? "error" : "ok" }),
  TextDelta: add("text"), RefusalDelta: add("text"), ReasoningDelta: add("reasoning"),
  Restarted: (view, { at }) => {
    for (const each of view.spans) if (each.kind === "tool" && each.turn === view.run.turn) each.end ??= at;
    Object.assign(turnOf(view, view.run.turn), said());
  },
  ToolProposed: (view, { call }) => callOf(view, call),
  ToolStarted: (view, { at, call }) => {
    callOf(view, call).status = "running";
    const turn = parseInt(call.id);
    const early = view.spans.some((each) => each.kind === "model" && each.turn === turn && !each.end);
    span(view, call.id, { kind: "tool", label: call.name, turn, start: at, end: undefined, early });
  },
  ToolProgress: (view, { call, message }) => { callOf(view, call).progress = message; },
  ToolFinished: (view, { at, call, result: { status, content } }) => {
    Object.assign(callOf(view, call), { status, result: content, progress: null });
    span(view, call.id, { end: at, status });
  },
  AgentEvent: (view, { at, call: path, inner: { event, call, result } }) => { // of an agent that runs as a tool
    if (event === "ToolStarted") span(view, `${path}/${call.id}`, { kind: "tool", label: call.name, start: at });
    if (event === "ToolFinished") span(view, `${path}/${call.id}`, { end: at, status: result.status });
  },
  EventsDropped: ({ run }) => { run.dropped = true; },
  RunFinished: end, RunFailed: end, RunCancelled: end,
};

export const apply = (view, event) => void changes[event.event]?.(view, event);
