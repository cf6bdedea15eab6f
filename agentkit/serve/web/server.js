// The server as functions. The key comes in the URL's fragment, which no server sees, and stays in this tab.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}

const request = async (method, path, body, signal) => {
  const token = sessionStorage.getItem("token");
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) };
  const answer = await fetch(`agentkit/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw Object.assign(new Error(said?.error?.message ?? `the server answered ${answer.status}`), { status: answer.status });
};

export const get = async (path, signal) => (await request("GET", path, undefined, signal)).json();
export const post = async (path, body = {}) => (await request("POST", path, body)).json();
export const text = async (path) => (await request("GET", path)).text();
export const remove = (path) => request("DELETE", path);

/** Calls `tell` with each event of a run, over lost connections too, until there are no more. */
export const follow = async (run, tell, signal) => {
  for (let after = 0, failures = 0; ; ) {
    try {
      const answer = await request("GET", `runs/${run}/events?after=${after}`, undefined, signal);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "", part; !(part = await reader.read()).done; ) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        for (const line of lines.filter((each) => each.startsWith("data: "))) {
          const event = JSON.parse(line.slice(6));
          [after, failures] = [event.n, 0];
          tell(event);
        }
      }
      return;
    } catch (error) {
      if (signal.aborted || error.status || ++failures > 5) throw error;
      await new Promise((wake) => setTimeout(wake, 200 * 2 ** failures));
    }
  }
};
