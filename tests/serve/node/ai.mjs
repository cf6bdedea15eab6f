// The `ai` package with `@ai-sdk/openai-compatible` against a served agent: prints one JSON object with what it saw.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const [baseURL, apiKey] = process.argv.slice(2);
const served = createOpenAICompatible({
  name: "served",
  baseURL,
  apiKey,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const prompt = "hello";
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const getWeather = (execute) => tool({ description: "Weather.", inputSchema: jsonSchema(schema), execute });
const seen = {};

const chat = await generateText({ model: served("offline"), prompt, maxRetries: 0 });
seen.chat = chat.text;
seen.usage = chat.usage.totalTokens > 0;

const stream = streamText({ model: served("offline"), prompt, maxRetries: 0 });
seen.stream = "";
for await (const piece of stream.textStream) seen.stream += piece;
seen.streamUsage = (await stream.usage).totalTokens > 0;
seen.finish = await stream.finishReason;

const place = await generateText({
  model: served("offline"),
  prompt,
  maxRetries: 0,
  output: Output.object({ schema: jsonSchema(schema) }),
});
seen.output = Object.keys(place.output);

const plain = await generateText({ model: served("clerk"), prompt, maxRetries: 0, tools: { get_weather: getWeather() } });
seen.tool = [plain.finishReason, plain.toolCalls[0].toolName, plain.toolCalls[0].input];

const steps = await generateText({
  model: served("clerk"),
  prompt,
  maxRetries: 0,
  stopWhen: stepCountIs(5),
  tools: { get_weather: getWeather(async ({ city }) => `rain in ${city}`) },
});
seen.steps = [steps.steps.length, steps.text];

const streamed = streamText({
  model: served("clerk"),
  prompt,
  maxRetries: 0,
  stopWhen: stepCountIs(5),
  tools: { get_weather: getWeather(async ({ city }) => `snow in ${city}`) },
});
seen.streamedSteps = await streamed.text;

const controller = new AbortController();
const slow = streamText({ model: served("slow"), prompt, maxRetries: 0, abortSignal: controller.signal });
for await (const part of slow.fullStream) {
  if (part.type === "text-delta") {
    seen.aborted = part.text;
    controller.abort();
  }
}

seen.errors = [];
for (const change of [{ model: served("nobody") }, { model: served("offline"), temperature: 9 }, { model: served("limited") }]) {
  try {
    await generateText({ prompt, maxRetries: 0, ...change });
    seen.errors.push(0);
  } catch (error) {
    seen.errors.push(APICallError.isInstance(error) ? error.statusCode : String(error));
  }
}
console.log(JSON.stringify(seen));
