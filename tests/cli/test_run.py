"""`agentkit run`: the answer on standard output, everything else on standard error, and the codes it ends with."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.cli.programs import PROGRAM, called, environment
from tests.loopback import serve, whole


def test_the_answer_alone_is_on_standard_output(folder: Path) -> None:
    done = called("run", "desk.py", "Look up order 7.")
    assert done.exit_code == 0
    assert done.stdout == "Here is what I found: look_up says order 7: a lamp.\n"
    assert done.stderr == ""


def test_the_text_can_come_from_standard_input(folder: Path) -> None:
    for arguments in (["run", "desk.py"], ["run", "desk.py", "-"]):
        assert "order 7: a lamp" in called(*arguments, given="Look up order 7.\n").stdout


def test_a_run_that_waits_ends_with_3_and_says_for_what(folder: Path) -> None:
    done = called("run", "desk.py", "Refund order 7.")
    assert (done.exit_code, done.stdout) == (3, "")
    assert 'refund({"order":7}) waits for an approval' in done.stderr
    kept = called("run", "desk.py", "Refund order 7.", "--store", "desk.db", "--session", "u42")
    assert "decide with: agentkit chat desk.py --store desk.db --session u42\n" in kept.stderr


def test_json_is_the_result(folder: Path) -> None:
    done = called("run", "desk.py", "Look up order 7.", "--json", "--store", "desk.db", "--session", "u42")
    result = json.loads(done.stdout)
    assert done.exit_code == 0
    assert {name: result[name] for name in ("status", "agent", "session", "waiting", "stopped_by")} == {
        "status": "done",
        "agent": "desk",
        "session": "u42",
        "waiting": [],
        "stopped_by": None,
    }
    assert result["output"] == "Here is what I found: look_up says order 7: a lamp."
    assert [message["role"] for message in result["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert result["usage"]["requests"] == 2
    waiting = called("run", "desk.py", "Refund order 7.", "--json")
    assert waiting.exit_code == 3
    assert json.loads(waiting.stdout)["waiting"][0]["tool"] == "refund"


def test_events_are_one_json_object_a_line(folder: Path) -> None:
    done = called("run", "desk.py", "Look up order 7.", "--events")
    kinds = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert kinds[0] == "RunStarted"
    assert kinds[-1] == "RunFinished"
    assert {"ToolStarted", "ToolFinished", "TextDelta"} <= {*kinds}


def test_an_output_of_a_type_is_json_in_json(folder: Path) -> None:
    (folder / "typed.py").write_text(
        "from agentkit import Agent, ScriptedModel\nfrom pydantic import BaseModel\n"
        "class City(BaseModel):\n    name: str\n"
        'agent = Agent(ScriptedModel([\'{"name": "Paris"}\']), output=City)\n'
    )
    assert json.loads(called("run", "typed.py", "Which?", "--json").stdout)["output"] == {"name": "Paris"}
    assert called("run", "typed.py", "Which?").stdout == '{"name": "Paris"}\n'


def test_a_run_that_fails_ends_with_1_and_the_key_is_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "remote.py").write_text("from agentkit import Agent\nagent = Agent('m')\n")
    key = "a-key-that-nobody-sees"
    with serve(lambda request: whole({"error": {"message": f"wrong key {key}"}}, 401)) as server:
        monkeypatch.setenv("AGENTKIT_BASE_URL", server.base_url)
        monkeypatch.setenv("AGENTKIT_API_KEY", key)
        done = called("run", "remote.py", "hi")
        as_json = called("run", "remote.py", "hi", "--json", "--trace", "t.jsonl")
        doctor = called("doctor", "m")
    assert {received.headers["authorization"] for received in server.requests} == {f"Bearer {key}"}
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: AuthenticationFailed: HTTP 401")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["error"]["type"] == "AuthenticationFailed"
    assert doctor.exit_code == 1
    assert "the key is refused" in doctor.stdout
    assert key not in "".join(
        [done.output, as_json.output, doctor.output, Path("t.jsonl").read_text(), repr(done.exception)]
    )


def test_a_conversation_goes_on_in_its_store(folder: Path) -> None:
    kept = ["--store", "desk.db", "--session", "u42"]
    called("run", "desk.py", "Look up order 7.", *kept)
    second = called("run", "desk.py", "Look up order 8.", "--json", *kept)
    assert json.loads(second.stdout)["messages"][0]["content"] == "Look up order 8."
    assert "2 runs" not in second.stdout
    listed = called("trace", "desk.db").stdout.splitlines()
    assert len(listed) == 3
    assert all("u42" in line for line in listed[1:])


def test_ctrl_c_ends_the_run_and_the_program_with_130(folder: Path) -> None:
    command = [*PROGRAM, "run", "desk.py", "Sleep long.", "--events"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment()
    ) as program:
        assert program.stdout is not None
        assert any("ToolStarted" in line for line in program.stdout)
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=20)
    assert program.returncode == 130
    assert told.strip() == "interrupted"


def on_a_terminal(folder: Path, *arguments: str, **variables: str) -> tuple[str, int | None]:
    """What a person sees, and the exit code."""
    child = pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], *arguments],
        cwd=str(folder),
        env=environment(**variables),
        encoding="utf-8",
        timeout=60,
    )
    shown = child.read()
    child.close()
    return shown, child.exitstatus


def test_on_a_terminal_tools_and_progress_are_shown_and_colours_only_where_wanted(folder: Path) -> None:
    shown, code = on_a_terminal(folder, "run", "desk.py", "Look up order 7.")
    assert code == 0
    assert '→ look_up({"order":7})' in shown
    assert "← look_up: ok in" in shown
    assert "desk is asked" in shown
    assert "\x1b[2m→ look_up" in shown
    plain, _ = on_a_terminal(folder, "run", "desk.py", "Look up order 7.", NO_COLOR="1")
    assert '→ look_up({"order":7})' in plain
    assert "\x1b[2m→" not in plain


def test_what_a_model_writes_cannot_control_the_terminal(folder: Path) -> None:
    (folder / "evil.py").write_text(
        "from agentkit import Agent, ScriptedModel\n"
        "agent = Agent(ScriptedModel(['fine\\x1b]0;owned\\x07 \\u202eevil\\n\\tok']))\n"
    )
    assert called("run", "evil.py", "hi").stdout == "fine\\u001b]0;owned\\u0007 \\u202eevil\n\tok\n"
