// The server as functions. The key comes in the URL's fragment, which no server sees, and stays in this tab.
const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has("token")) {
  sessionStorage.setItem("token", fragment.get("token"));
  fragment.delete("token");
  history.replaceState(null, "", fragment.size ? `#${fragment}` : location.pathname);
}

const request = async (method, path, body, signal) => {
  const token = sessionStorage.getItem("token");
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) };
  const answer = await fetch(`agentkit/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw Object.assign(new Error(said?.error?.message ?? `the server answered ${answer.status}`), { status: answer.status });
};

export const get = async (path) => (await request("GET", path)).json();
export const post = async (path, body = {}) => (await request("POST", path, body)).json();
export const text = async (path) => (await request("GET", path)).text();
export const remove = (path) => request("DELETE", path);

/** Calls `tell` with each event of a run, over lost connections too, until there are no more. */
export const follow = async (run, tell, signal) => {
  for (let after = 0, failures = 0; ; ) {
    try {
      const answer = await request("GET", `runs/${run}/events?after=${after}`, undefined, signal);
      let rest = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + piece).split("\n\n");
        rest = blocks.pop();
        for (const [, data] of blocks.map((block) => /^data: (.*)$/m.exec(block) ?? [])) {
          if (!data) continue;
          const event = JSON.parse(data);
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
