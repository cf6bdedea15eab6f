// The page's state, and what can be done with it.
import { render } from "./vendor/preact.mjs";
import { apply, empty, opened } from "./conversation.js";
import * as server from "./server.js";
import { page } from "./view.js";

const state = { agents: [], sessions: [], search: "", view: empty(), problem: null };
let [reading, frame] = [new AbortController(), 0]; // of the events that are shown, and of the next drawing

const update = (changes) => {
  Object.assign(state, changes);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => render(page(state, act), document.body));
};
const running = () => state.view.run?.status === "running";

/** What the work gives; what goes wrong is shown. */
const attempt = (work) => work().catch((error) => {
  if (error.name !== "AbortError") update({ problem: error.message });
  if (error.status === 401 && (sessionStorage.token = prompt(error.message) ?? "")) location.reload();
});

const list = async () => {
  const { search } = state;
  const { sessions } = await server.get(`sessions?search=${encodeURIComponent(search)}`);
  if (search === state.search) update({ sessions });
};
const leave = (address) => {
  reading.abort();
  history.replaceState(null, "", address);
  document.querySelector("nav")?.hidePopover();
  return (reading = new AbortController()).signal;
};

/** Shows a session, and the events of its run as long as there are any. */
const show = async (session) => {
  const signal = leave(`#session=${session}`);
  const kept = await server.get(`sessions/${session}`, signal);
  const view = opened(kept, state.view.session === session ? state.view.spans : []);
  update({ view });
  if (!view.run) return;
  const lost = (error) => { if (error.status || signal.aborted) throw error; };
  await server.follow(view.run.id, (event) => update(apply(view, event)), signal).catch(lost);
  if (view.run.status === "running") return void setTimeout(act.open, 500, session);
  const after = await server.get(`sessions/${session}`, signal); // what is kept takes the place of what was told
  update({ view: { ...view, ...after, run: view.run } });
  if (after.waiting.length) requestAnimationFrame(() => document.querySelector(".decision")?.focus());
  await list();
};

const run = async (path, body) => {
  update({ problem: null });
  const begun = await attempt(() => server.post(path, body));
  if (begun) attempt(() => Promise.all([show(begun.session), list()]));
  return begun;
};
const go = (input) => run("runs", { agent: state.view.agent, session: state.view.session, input });

const act = {
  send: async ({ target: { input } }) => {
    const text = input.value;
    if (!text.trim() || running()) return;
    input.value = "";
    if (!(await go(text))) input.value ||= text;
  },
  goOn: () => go(null),
  decide: (decision) => run(`sessions/${state.view.session}/decisions`, decision),
  cancel: () => running() && attempt(() => server.post(`runs/${state.view.run.id}/cancel`)),
  open: (session) => attempt(() => show(session)),
  begin: (agent) => {
    leave(location.pathname);
    update({ view: empty(agent), problem: null });
    document.getElementById("input").focus();
  },
  search: (search) => { update({ search }); attempt(list); },
  export: () => attempt(async () => {
    const { session } = state.view;
    const href = URL.createObjectURL(await (await server.request("GET", `sessions/${session}/export`)).blob());
    Object.assign(document.createElement("a"), { href, download: `${session}.jsonl` }).click();
    URL.revokeObjectURL(href);
  }),
  remove: () => confirm("Delete this conversation?") && attempt(async () => {
    await server.request("DELETE", `sessions/${state.view.session}`);
    act.begin(state.view.agent);
    await list();
  }),
  start: () => attempt(async () => {
    const given = new URLSearchParams(location.hash.slice(1)); // the part of the address that no server sees
    const session = given.get("session");
    if (given.has("token")) sessionStorage.token = given.get("token"); // stays in this tab
    leave(session ? `#session=${session}` : location.pathname);
    const { agents } = await server.get("agents");
    Object.assign(state, { agents, view: empty(agents[0].agent), problem: null });
    await Promise.all([list(), session && show(session)]);
  }),
};

setInterval(() => running() && update(), 100); // bars grow
act.start();
