// The page's state, and what can be done with it.
import { render } from "./vendor/preact.mjs";
import { apply, empty, opened } from "./conversation.js";
import * as server from "./server.js";
import { page } from "./view.js";

const { dataset } = document.documentElement;
const state = {
  agents: [], sessions: null, search: "", view: empty(""), draft: "", loading: true, problem: null, locked: false,
  menu: false, panel: matchMedia("(min-width: 68rem)").matches,
};
let [reading, frame] = [new AbortController(), 0]; // of the events that are shown, and of the next drawing

const update = (changes) => {
  Object.assign(state, changes);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => render(page(state, act), document.getElementById("app")));
};
const running = () => state.view.run?.status === "running";

/** What the work gives; what goes wrong is shown. */
const attempt = async (work) => {
  try {
    return await work();
  } catch (error) {
    if (error.status === 401) update({ locked: true });
    else if (error.name !== "AbortError") update({ problem: error.message, loading: false });
  }
};

const list = async () => {
  const { search } = state;
  const { sessions } = await server.get(`sessions?search=${encodeURIComponent(search)}`);
  if (search === state.search) update({ sessions });
};
const leave = () => { reading.abort(); return (reading = new AbortController()).signal; };

/** Shows a session, and the events of its run as long as there are any. */
const show = async (session) => {
  const signal = leave();
  const kept = await server.get(`sessions/${session}`, signal);
  const view = opened(kept, state.view.session === session ? state.view.times : {});
  history.replaceState(null, "", `#session=${session}`);
  update({ view, loading: false });
  if (!view.run) return;
  await server.follow(view.run.id, (event) => update(apply(view, event)), signal);
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

const act = {
  draft: (draft) => update({ draft }),
  send: async () => {
    const { view, draft } = state;
    if (!draft.trim() || running()) return;
    update({ draft: "" });
    if (!(await run("runs", { agent: view.agent, session: view.session, input: draft }))) update({ draft });
  },
  goOn: () => run("runs", { agent: state.view.agent, session: state.view.session, input: null }),
  decide: ({ call, digest }, verdict, more) => run(`sessions/${state.view.session}/decisions`, { call, digest, verdict, ...more }),
  cancel: () => running() && attempt(() => server.post(`runs/${state.view.run.id}/cancel`)),
  open: (session) => { update({ loading: true, menu: false, problem: null }); attempt(() => show(session)); },
  begin: (agent) => {
    leave();
    history.replaceState(null, "", location.pathname);
    update({ view: empty(agent), menu: false, problem: null, loading: false });
    document.getElementById("input").focus();
  },
  search: (search) => { update({ search }); attempt(list); },
  export: () => attempt(async () => {
    const { session } = state.view;
    const href = URL.createObjectURL(new Blob([await server.text(`sessions/${session}/export`)]));
    Object.assign(document.createElement("a"), { href, download: `${session}.jsonl` }).click();
    URL.revokeObjectURL(href);
  }),
  remove: () => confirm("Delete this conversation?") && attempt(async () => {
    await server.remove(`sessions/${state.view.session}`);
    act.begin(state.view.agent);
    await list();
  }),
  unlock: (key) => { sessionStorage.setItem("token", key); location.reload(); },
  toggle: (name) => update({ [name]: !state[name] }),
  theme: () => {
    const dark = dataset.theme === "dark" || (!dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    localStorage.theme = dataset.theme = dark ? "light" : "dark";
  },
  start: () => attempt(async () => {
    const { agents } = await server.get("agents");
    const session = new URLSearchParams(location.hash.slice(1)).get("session");
    update({ agents, view: empty(agents[0].agent), loading: Boolean(session), problem: null });
    await Promise.all([list(), session && show(session)]);
  }),
};

dataset.theme = localStorage.theme ?? "";
document.addEventListener("keydown", ({ key, target }) => // in a search, Escape empties it
  key === "Escape" && target.type !== "search" && (state.menu ? act.toggle("menu") : act.cancel()));
setInterval(() => running() && update(), 100); // bars grow
update();
act.start();
