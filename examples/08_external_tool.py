"""A tool that runs elsewhere: the run stops with its calls, somebody else does the work, and the run goes on."""

from agentkit import Agent, RunState, Tool, model_from_environment

ask_warehouse = Tool.external(
    "ask_warehouse",
    "Ask the people in the warehouse about an article.",
    {
        "type": "object",
        "properties": {"article": {"type": "string", "description": "Name of the article"}},
        "required": ["article"],
        "additionalProperties": False,
    },
)

agent = Agent(model_from_environment(), tools=[ask_warehouse])


def question() -> str:
    """The web server: asks, and stores what is open."""
    result = agent.run_sync('Ask the warehouse about the article "blue mug".')
    for call in result.waiting:
        print(f"for the warehouse: {call.arguments}")
    return result.state.model_dump_json()


def answer(saved: str, words: str) -> None:
    """Hours later, when somebody in the warehouse wrote back."""
    state = RunState.model_validate_json(saved)
    for call in state.waiting:
        state = state.answer(call, words)
    print(agent.run_sync(state).output)


if __name__ == "__main__":
    answer(question(), "three left, on the top shelf")
