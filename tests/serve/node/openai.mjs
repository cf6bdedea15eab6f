// The official `openai` client of npm against a served agent: prints one JSON object with what it saw.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather.", parameters } }];
const seen = {};

const chat = await client.chat.completions.create({ model: "offline", messages });
seen.chat = chat.choices[0].message.content;
seen.requestId = chat._request_id;

seen.stream = "";
const stream = await client.chat.completions.create({
  model: "offline",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  seen.stream += chunk.choices[0]?.delta.content ?? "";
  if (chunk.choices.length === 0) seen.usage = chunk.usage.total_tokens;
}

const helper = client.chat.completions.stream({ model: "offline", messages });
seen.helper = await helper.finalContent();

const Place = z.object({ city: z.string(), degrees: z.number() });
const parsed = await client.chat.completions.parse({
  model: "offline",
  messages,
  response_format: zodResponseFormat(Place, "place"),
});
seen.parsed = Object.keys(parsed.choices[0].message.parsed).sort();

const logprobs = await client.chat.completions.create({ model: "offline", messages, logprobs: true, top_logprobs: 2 });
seen.logprobs = logprobs.choices[0].logprobs.content.map((row) => row.token).join("");

const asked = await client.chat.completions.create({ model: "clerk", messages, tools });
const call = asked.choices[0].message.tool_calls[0];
seen.tool = [asked.choices[0].finish_reason, call.function.name, call.function.arguments];
const then = [...messages, asked.choices[0].message, { role: "tool", tool_call_id: call.id, content: "snow" }];
seen.afterTool = (await client.chat.completions.create({ model: "clerk", messages: then, tools })).choices[0].message.content;

const runner = client.chat.completions.runTools({
  model: "clerk",
  messages,
  stream: true,
  tools: [
    { type: "function", function: { name: "get_weather", parameters, parse: JSON.parse, function: async ({ city }) => `rain in ${city}` } },
  ],
});
seen.runner = await runner.finalContent();

const aborted = await client.chat.completions.create({ model: "slow", messages, stream: true });
for await (const chunk of aborted) {
  if (chunk.choices[0].delta.content) {
    seen.aborted = chunk.choices[0].delta.content;
    aborted.controller.abort();
  }
}

seen.errors = [];
const wrong = new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 });
for (const fail of [
  () => client.chat.completions.create({ model: "nobody", messages }),
  () => client.chat.completions.create({ model: "offline", messages, temperature: 9 }),
  () => client.chat.completions.create({ model: "limited", messages }),
  () => client.chat.completions.create({ model: "broken", messages }),
  () => wrong.models.list(),
]) {
  try {
    await fail();
    seen.errors.push("none");
  } catch (error) {
    seen.errors.push(error.constructor.name);
  }
}
console.log(JSON.stringify(seen));
