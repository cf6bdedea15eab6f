"""`agentkit chat`, as a person in a terminal uses it, and with its input from a pipe."""

from __future__ import annotations

from pathlib import Path

import pexpect

from tests.cli.programs import PROGRAM, called, environment


def chat(folder: Path, *arguments: str) -> pexpect.spawn[str]:
    """The program in a terminal."""
    return pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], "chat", "desk.py", *arguments],
        cwd=str(folder),
        env=environment(NO_COLOR="1"),
        encoding="utf-8",
        timeout=60,
    )


def interrupt(person: pexpect.spawn[str], answer: str) -> None:
    """Press Ctrl-C until it is heard: readline misses one that comes between its prompt and its first look at the keys."""
    for _ in range(20):
        person.sendintr()
        if person.expect([answer, pexpect.TIMEOUT], timeout=3) == 0:
            return
    raise AssertionError(f"Ctrl-C was not answered with {answer}")


def test_a_conversation_with_an_approval_a_cancelled_turn_and_several_lines(folder: Path) -> None:
    person = chat(folder)
    person.expect("desk. /help tells")
    person.expect("> ")

    person.sendline("Refund order 7.")
    person.expect("refund waits for an approval:")
    person.expect("order = 7\r\n")
    person.expect(r"\[y\]es, \[a\]lways in this run")
    person.sendline("sure")  # nothing is a yes but yes
    person.expect(r"\[y\]es, \[a\]lways in this run")
    person.sendline("y")
    person.expect("refund: ok in")
    person.expect("refunded order 7.")
    person.expect("> ")

    person.sendline("Refund order 8.")
    person.expect(r"\[y\]es, \[a\]lways in this run")
    interrupt(person, "undecided")
    person.expect("> ")

    person.sendline("Sleep long.")
    person.expect(r"sleep_long\(")
    interrupt(person, r"\(cancelled\)")
    person.expect("> ")

    person.sendline("Look up order \\")
    person.expect("… ")
    person.sendline("8.")
    person.expect("order 8: a lamp")
    person.expect("> ")

    person.sendline('"""Look up')
    person.expect("… ")
    person.sendline('order 9."""')
    person.expect("order 9: a lamp")
    person.expect("> ")

    interrupt(person, "Ctrl-D ends the chat")
    person.expect("> ")
    person.sendeof()
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0


def test_a_stored_conversation_asks_what_waits_and_goes_on(folder: Path) -> None:
    kept = ["--store", "desk.db", "--session", "u42"]
    first = called("chat", "desk.py", *kept, given="Refund order 7.\n")
    assert first.exit_code == 3
    assert 'refund({"order":7}) waits for an approval' in first.stderr
    second = called("chat", "desk.py", *kept, given="n it was paid back in cash\n")
    assert second.exit_code == 0
    assert "denied: it was paid back in cash" in second.output
    person = chat(folder, *kept)
    person.expect("conversation u42")
    person.expect("> ")
    person.send("\x1b[A")  # what was said before is in the history
    person.expect("Refund order 7.")
    person.sendintr()
    person.expect("> ")
    person.sendline("/quit")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0


def test_every_argument_is_shown_whole_and_visibly(folder: Path) -> None:
    (folder / "pay.py").write_text(
        "from agentkit import Agent, ScriptedModel, tool\n"
        "@tool(approval=True, expires=60)\n"
        "def pay(to: str, amount: float) -> str:\n"
        "    'Pay.'\n"
        "    return 'paid'\n"
        "agent = Agent(ScriptedModel([[('pay', {'to': 'x' * 500 + '\\x1b[2K\\u202e', 'amount': 7})], 'ok']), tools=[pay])\n"
    )
    done = called("chat", "pay.py", given="go\ny\n")
    assert f'  to = "{"x" * 500}\\u001b[2K\\u202e"\n  amount = 7' in done.stderr
    assert "(until 2" in done.stderr
    assert "ok" in done.stdout


PAYS = """
from agentkit import Agent, ScriptedModel, tool
@tool(approval=True)
def pay(amount: int) -> str:
    'Pay.'
    return f'paid {amount}'
agent = Agent(ScriptedModel([[('pay', {'amount': 1})], [('pay', {'amount': 2})], 'ok']), tools=[pay])
"""


def test_an_approval_can_stay_for_the_run_and_edited_arguments_wait_themselves(folder: Path) -> None:
    (folder / "pays.py").write_text(PAYS)
    always = called("chat", "pays.py", given="go\nalways\n")
    assert always.stderr.count("pay waits for an approval:") == 1
    assert "paid 2" in always.stderr
    edited = called("chat", "pays.py", given='go\ne amount\ne {"amount": 70}\ny\nn\n')
    assert 'error: write what is to change as JSON: e {"order": 8}' in edited.stderr
    assert edited.stderr.count("pay waits for an approval:") == 3
    assert "  amount = 70\n" in edited.stderr
    assert "pay: ok in" in edited.stderr
    assert "paid 70" in edited.stderr
    assert "paid 1" not in edited.stderr


def test_a_yes_with_words_behind_it_is_no_yes(folder: Path) -> None:
    (folder / "pays.py").write_text(PAYS)
    done = called("chat", "pays.py", given="go\ny but not today\n")
    assert "a yes stands alone" in done.stderr
    assert done.exit_code == 3
    assert "paid" not in done.stderr


def test_results_from_outside_are_asked_for(folder: Path) -> None:
    (folder / "outside.py").write_text(
        "from agentkit import Agent, ScriptedModel, Tool\n"
        "stock = Tool.external('stock', 'Stock.', {'type': 'object', 'properties': {}})\n"
        "agent = Agent(ScriptedModel([[('stock', {})], 'There are three.']), tools=[stock])\n"
    )
    done = called("chat", "outside.py", given="How many?\nr\nr three left\n")
    assert "stock waits for a result from outside:" in done.stderr
    assert "without arguments" in done.stderr
    assert done.stdout == "There are three.\n"


def test_an_error_is_told_and_the_chat_goes_on(folder: Path) -> None:
    (folder / "shaky.py").write_text(
        "from agentkit import Agent, FunctionModel, ServerFailed\n"
        "def answer(request):\n"
        "    said = request.messages[-1].content\n"
        "    return ServerFailed('not today', status=503) if said == 'fail' else f'you said {said}'\n"
        "agent = Agent(FunctionModel(answer))\n"
    )
    done = called("chat", "shaky.py", given="fail\n/help\n\nhello\n")
    assert "error: ServerFailed: not today" in done.stderr
    assert "Ctrl-C cancels the answer" in done.stderr
    assert done.stdout == "you said hello\n"
    assert done.exit_code == 0
    assert called("chat", "shaky.py", given="hello\nfail\n").exit_code == 1


def test_a_run_that_did_not_end_goes_on_when_it_is_told_to(folder: Path) -> None:
    (folder / "shaky.py").write_text(
        "from pathlib import Path\n"
        "from agentkit import Agent, FunctionModel, ServerFailed\n"
        "def answer(request):\n"
        "    if Path('up').exists():\n"
        "        return 'at last'\n"
        "    return ServerFailed('not yet', status=503)\n"
        "agent = Agent(FunctionModel(answer))\n"
    )
    kept = ["--store", "desk.db", "--session", "u42"]
    assert called("chat", "shaky.py", *kept, given="hello\n").exit_code == 1
    (folder / "up").touch()
    assert called("chat", "shaky.py", *kept, given="/continue\n").stdout == "at last\n"
