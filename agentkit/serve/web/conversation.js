// A conversation as the page shows it: the session's items, changed by the events of the run that goes on in it.
// Events may come twice (a reload in the middle of a run reads them from the first): each sets, none adds.

export const empty = (agent) => ({ session: null, agent, status: "empty", items: [], waiting: [], run: null });

export const opened = (detail) => ({ ...detail, run: detail.run && { id: detail.run, status: "running", spans: [] } });

const turnOf = (view, turn) => {
  let item = view.items.find((each) => each.kind === "turn" && each.turn === turn);
  if (!item) view.items.push((item = { kind: "turn", turn, text: "", reasoning: "", calls: [] }));
  return item;
};

const callOf = (view, use) => {
  const { calls } = turnOf(view, Number(use.id.split(".")[0]));
  let call = calls.find((each) => each.call === use.id);
  if (!call) calls.push((call = { call: use.id, tool: use.name, status: "proposed" }));
  return Object.assign(call, { arguments: use.arguments });
};

const spanOf = (run, key, fields) => {
  let span = run.spans.find((each) => each.key === key);
  if (!span) run.spans.push((span = { key }));
  return Object.assign(span, fields);
};

const ended = (view, event, status) => {
  for (const span of view.run.spans) span.end ??= event.at;
  Object.assign(view.run, { status, end: event.at, error: event.error });
};

const changes = {
  RunStarted: (view, { at }) => Object.assign(view, { waiting: [] }, { run: { ...view.run, start: at } }),
  ModelStarted: (view, { at, request, turn, agent, model }) => {
    spanOf(view.run, `model ${request}`, { kind: "model", label: model, agent, turn, nested: turn === null, start: at });
    if (turn !== null) {
      view.run.turn = turn;
      Object.assign(turnOf(view, turn), { text: "", reasoning: "", calls: [], open: true, agent });
    }
  },
  ModelFinished: (view, { at, request, turn, usage, error }) => {
    spanOf(view.run, `model ${request}`, { end: at, usage, status: error ? "error" : "ok" });
    if (turn !== null) turnOf(view, turn).open = false;
  },
  TextDelta: (view, { text, choice }) => { if (!choice) turnOf(view, view.run.turn).text += text; },
  ReasoningDelta: (view, { text, choice }) => { if (!choice) turnOf(view, view.run.turn).reasoning += text; },
  RefusalDelta: (view, { text, choice }) => { if (!choice) turnOf(view, view.run.turn).text += text; },
  Restarted: (view, { at }) => {
    const turn = turnOf(view, view.run.turn);
    for (const span of view.run.spans) if (span.kind === "tool" && span.turn === turn.turn) span.end ??= at;
    Object.assign(turn, { text: "", reasoning: "", calls: [] });
  },
  ToolProposed: (view, { call, effect }) => { callOf(view, call).effect = effect; },
  ToolStarted: (view, { at, call, effect }) => {
    Object.assign(callOf(view, call), { status: "running", effect });
    const turn = Number(call.id.split(".")[0]);
    const asking = view.run.spans.findLast((span) => span.kind === "model" && span.turn === turn);
    const early = Boolean(asking && !asking.end);
    spanOf(view.run, `tool ${call.id}`, { kind: "tool", label: call.name, turn, start: at, early, asking });
  },
  ToolProgress: (view, { call, message, done, total }) => { callOf(view, call).progress = { message, done, total }; },
  ToolFinished: (view, { at, call, result, effect }) => {
    Object.assign(callOf(view, call), { status: result.status, result: result.content, progress: null, effect });
    const span = view.run.spans.find((each) => each.key === `tool ${call.id}`);
    if (span) Object.assign(span, { end: at, status: result.status });
  },
  Waiting: (view, event) => { view.waiting = [...view.waiting.filter((each) => each.call !== event.call), event]; },
  EventsDropped: (view) => { view.run.dropped = true; },
  RunFinished: (view, event) => ended(view, event, event.status),
  RunFailed: (view, event) => ended(view, event, "failed"),
  RunCancelled: (view, event) => ended(view, event, "cancelled"),
};

export const apply = (view, event) => changes[event.event]?.(view, event);
