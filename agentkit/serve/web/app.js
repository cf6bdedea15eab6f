// The page's state, and what can be done with it.
import { render } from "./vendor/preact.mjs";
import { apply, empty, opened } from "./conversation.js";
import * as server from "./server.js";
import { page } from "./view.js";

const root = document.documentElement;
const wide = matchMedia("(min-width: 68rem)");
const state = {
  agents: null, sessions: null, search: "", view: empty(null), draft: "", loading: true, problem: null,
  menu: false, panel: wide.matches, now: 0,
};
let following = null; // stops the reading of the events that are shown
let late = 0; // what this clock is ahead of the server's

const draw = () => {
  late = 0;
  const scroll = document.getElementById("scroll");
  const stays = scroll && scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight > 80;
  state.now = Date.now() / 1000 - skew;
  render(page(state, act), document.getElementById("app"));
  if (!stays) document.getElementById("scroll").scrollTop = 1e9;
};
