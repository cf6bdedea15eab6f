// A conversation as the page shows it: what the server keeps of a session, changed by the events of a run in it.
// Events may come twice (a reload in the middle of a run reads them from the first): each sets, none adds.

export const empty = (agent) => ({ session: null, agent, status: "empty", items: [], waiting: [], run: null, times: {} });
export const opened = (kept, times) => ({ ...kept, times, run: kept.run && { id: kept.run, status: "running", spans: [] } });

const turnOf = (view, turn) => {
  let item = view.items.find((each) => each.turn === turn);
  if (!item) view.items.push((item = { kind: "turn", turn, text: "", reasoning: "", calls: [] }));
  return item;
};
const current = (view) => (view.run.turn === undefined ? {} : turnOf(view, view.run.turn));
const turnOfCall = (id) => Number(id.split(".")[0]);
const callOf = (view, { id, name, arguments: text }) => {
  const { calls } = turnOf(view, turnOfCall(id));
  let call = calls.find((each) => each.call === id);
  if (!call) calls.push((call = { call: id, tool: name, status: "proposed" }));
  return Object.assign(call, { arguments: text });
};
const begin = ({ run }, span) => { run.spans = [...run.spans.filter((each) => each.key !== span.key), span]; return span; };
const finish = ({ run }, key, fields) => Object.assign(run.spans.find((each) => each.key === key) ?? {}, fields);
const ended = (view, { at, error }, status) => {
  for (const span of view.run.spans) span.end ??= at;
  for (const item of view.items) item.open = false;
  Object.assign(view.run, { status, error, end: at });
};
const add = (field) => (view, { text, choice }) => { if (!choice) current(view)[field] += text; };

const changes = {
  RunStarted: ({ run }, { at }) => { run.start = at; },
  ModelStarted: (view, { at, request, turn, agent }) => {
    begin(view, { key: request, kind: "model", label: agent, turn, start: at });
    if (turn === null) return;
    view.run.turn = turn;
    Object.assign(current(view), { text: "", reasoning: "", calls: [], open: true, agent });
  },
  ModelFinished: (view, { at, request, turn, usage, cost, error }) => {
    finish(view, request, { end: at, usage, cost, status: error ? "error" : "ok" });
    if (turn !== null) current(view).open = false;
  },
  TextDelta: add("text"), RefusalDelta: add("text"), ReasoningDelta: add("reasoning"),
  Restarted: (view, { at }) => {
    for (const span of view.run.spans) if (span.kind === "tool" && span.turn === view.run.turn) span.end ??= at;
    Object.assign(current(view), { text: "", reasoning: "", calls: [] });
  },
  ToolProposed: (view, { call }) => callOf(view, call),
  ToolStarted: (view, { at, call }) => {
    callOf(view, call).status = "running";
    const turn = turnOfCall(call.id);
    const asking = view.run.spans.find((span) => span.kind === "model" && span.turn === turn && !span.end);
    view.times[call.id] = begin(view, { key: call.id, kind: "tool", label: call.name, turn, start: at, asking });
  },
  ToolProgress: (view, { call, message }) => { callOf(view, call).progress = message; },
  ToolFinished: (view, { at, call, result }) => {
    Object.assign(callOf(view, call), { status: result.status, result: result.content, progress: null });
    finish(view, call.id, { end: at, status: result.status });
  },
  AgentEvent: (view, { at, call, inner }) => { // of an agent that runs as a tool
    const key = `${call}/${inner.call?.id}`;
    if (inner.event === "ToolStarted") begin(view, { key, kind: "tool", label: inner.call.name, turn: null, start: at });
    if (inner.event === "ToolFinished") finish(view, key, { end: at, status: inner.result.status });
  },
  EventsDropped: ({ run }) => { run.dropped = true; },
  RunFinished: (view, event) => ended(view, event, event.status),
  RunFailed: (view, event) => ended(view, event, "failed"),
  RunCancelled: (view, event) => ended(view, event, "cancelled"),
};

export const apply = (view, event) => void changes[event.event]?.(view, event);
