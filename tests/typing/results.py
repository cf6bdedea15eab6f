"""What type checkers know of results and states: checked by mypy and pyright, not run."""

from dataclasses import dataclass
from typing import Literal, assert_type

from pydantic import BaseModel

from agentkit import Agent, AgentKitError, RunResult, RunState, Session, Usage, Waiting
from agentkit.chat import ChatCompletion, Message
from agentkit.run import Confidence


class Flight(BaseModel):
    number: str


@dataclass
class Train:
    platform: int


class Base(BaseModel):
    city: str


class Derived(Base):
    street: str


text = Agent("offline")
model = Agent("offline", output=Flight)
dataclass_ = Agent("offline", output=Train)
union = Agent("offline", output=Flight | Train)
optional = Agent("offline", output=int | None)
numbers = Agent("offline", output=list[int])
word = Agent("offline", output=Literal["yes", "no"])
assert_type(union, Agent[None, Flight | Train])
assert_type(Agent("offline", deps=Train, output=list[int] | Flight), Agent[Train, list[int] | Flight])


async def outputs() -> None:
    assert_type((await text.run("hi")).output, str)
    assert_type((await model.run("hi")).output, Flight)
    assert_type((await model.run("hi")).output.number, str)
    assert_type((await dataclass_.run("hi")).output, Train)
    assert_type((await union.run("hi")).output, Flight | Train)
    assert_type((await optional.run("hi")).output, int | None)
    assert_type((await numbers.run("hi")).output, list[int])
    assert_type((await word.run("hi")).output, Literal["yes", "no"])
    match (await union.run("hi")).output:
        case Flight(number=number):
            assert_type(number, str)
        case Train(platform):
            assert_type(platform, int)


def a_result_tells_what_happened() -> None:
    result = numbers.run_sync("hi")
    assert_type(result, RunResult[list[int]])
    assert_type(result.status, Literal["done", "waiting"])
    assert_type(result.waiting, tuple[Waiting, ...])
    assert_type(result.stopped_by, str | None)
    assert_type(result.messages, tuple[Message, ...])
    assert_type(result.new_messages, tuple[Message, ...])
    assert_type(result.completions, tuple[ChatCompletion, ...])
    assert_type(result.usage, Usage)
    assert_type(result.usage.total_tokens, int)
    assert_type(result.agent, str)
    assert_type(result.confidence, Confidence | None)


def decisions_give_the_next_state(state: RunState) -> None:
    for waiting in state.waiting:
        assert_type(waiting.why, Literal["approval", "external", "unknown"])
        assert_type(state.approve(waiting), RunState)
        assert_type(state.approve(waiting.call, {"amount": 3}), RunState)
        assert_type(state.deny(waiting, "too much"), RunState)
        assert_type(state.answer(waiting, [1, 2]), RunState)
        assert_type(state.retry(waiting), RunState)
        assert_type(state.decide(waiting, approve=True), RunState)
        assert_type(state.decide(waiting.call, result="3"), RunState)
    assert_type(state.model_dump_json(), str)
    assert_type(RunState.model_validate_json(b"{}"), RunState)


async def a_state_is_an_input(state: RunState, session: Session, error: AgentKitError) -> None:
    assert_type(await union.run(state), RunResult[Flight | Train])
    assert_type(await union.run(None, session=session), RunResult[Flight | Train])
    assert_type(await union.run(RunState.of(error)), RunResult[Flight | Train])
    assert_type(await text.run((await text.run("hi")).messages), RunResult[str])
    assert_type(await text.run([{"role": "user", "content": "hi"}]), RunResult[str])


def takes_base(agent: Agent[None, Base], result: RunResult[Base]) -> str:
    return agent.run_sync("hi").output.city + result.output.city


def output_is_covariant(agent: Agent[None, Derived]) -> None:
    takes_base(agent, agent.run_sync("hi"))


def other_fields_keep_the_type() -> None:
    assert_type(numbers.replace(instructions="Count."), Agent[None, list[int]])
    assert_type(numbers.replace(output=Flight), Agent[None, Flight])
    assert_type(numbers.replace(deps=Train), Agent[Train, list[int]])
    assert_type(numbers.replace(deps=Train, output=str, model="offline"), Agent[Train, str])
    with numbers.override(model="offline", name="other"):
        assert_type(numbers.run_sync("hi").output, list[int])
