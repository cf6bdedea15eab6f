// The server as functions.

export const request = async (method, path, body, signal) => {
  const headers = { authorization: `Bearer ${sessionStorage.token}`, "content-type": "application/json" };
  const answer = await fetch(`agentkit/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  const message = said?.error?.message ?? `the server answered ${answer.status}`;
  throw Object.assign(new Error(message), { status: answer.status });
};
export const get = async (path, signal) => (await request("GET", path, undefined, signal)).json();
export const post = async (path, body = {}) => (await request("POST", path, body)).json();

/** Calls `tell` with each event of a run until there are no more. */
export const follow = async (run, tell, signal) => {
  const answer = await request("GET", `runs/${run}/events`, undefined, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", part; !(part = await reader.read()).done; ) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) tell(JSON.parse(line.slice(6)));
  }
};
