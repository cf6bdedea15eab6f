// The server as functions. The token comes in the URL's fragment, which no server sees, and stays in this tab.
const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has("token")) {
  sessionStorage.setItem("token", fragment.get("token"));
  fragment.delete("token");
  history.replaceState(null, "", fragment.size ? `#${fragment}` : location.pathname);
}

const request = async (method, path, { body, headers, signal } = {}) => {
  const token = sessionStorage.getItem("token");
  const answer = await fetch(`agentkit/${path}`, {
    method, signal,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }), ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const words = await answer.json().catch(() => null);
  throw Object.assign(new Error(words?.error?.message ?? `the server answered ${answer.status}`), { status: answer.status });
};

export const get = async (path) => (await request("GET", path)).json();
export const post = async (path, body = {}) => (await request("POST", path, { body })).json();
export const remove = (path) => request("DELETE", path);
export const text = async (path) => (await request("GET", path)).text();

/** Calls `tell` with each event of a run, over lost connections too, until its log ends. */
export const follow = async (run, tell, signal) => {
  for (let after = 0, failures = 0; ; ) {
    try {
      const answer = await request("GET", `runs/${run}/events?after=${after}`, { signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) return;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const line = block.split("\n").find((part) => part.startsWith("data:"));
          if (!line) continue;
          const event = JSON.parse(line.slice(5));
          after = event.n;
          failures = 0;
          tell(event);
        }
      }
    } catch (error) {
      if (signal.aborted || error.status || ++failures > 5) throw error;
      await new Promise((wake) => setTimeout(wake, 200 * 2 ** failures));
    }
  }
};
