"""The program: its help, its speed, its exit codes, and what it says when something is missing or wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from agentkit.cli.commands import COMMANDS
from agentkit.cli.commands import agentkit as group
from tests.cli.programs import agentkit, called, environment

ROOT = Path(__file__).parent.parent.parent


def test_help_names_every_command_with_its_line(tmp_path: Path) -> None:
    done = agentkit(tmp_path, "--help")
    assert done.returncode == 0
    for name, line in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert line in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line_in_the_table(name: str) -> None:
    done = called(name, "--help")
    assert done.exit_code == 0, done.output
    assert COMMANDS[name] in " ".join(done.output.split())


def test_every_command_has_a_module_of_its_name() -> None:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            assert isinstance(group.get_command(context, name), click.Command)


def test_help_imports_neither_agents_nor_rich() -> None:
    program = (
        "import sys\nfrom agentkit.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('pydantic', 'anyio', 'httpx', 'rich', 'agentkit.run') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_costs_less_than_a_quarter_of_a_second() -> None:
    def seconds(program: str) -> float:
        """The fastest of five, in CPU time: other work on the machine does not count."""
        found: list[float] = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, check=True, timeout=60)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(found)

    least = seconds("import click")
    assert seconds("from agentkit.cli import main; main()") < max(0.25, 2 * least)


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert agentkit(tmp_path, "--version").stdout.strip() == project["version"]
    assert project["scripts"] == {"agentkit": "agentkit.cli:main"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["rum"], 2, "there is no command 'rum'; did you mean 'run'? The commands are: run, chat"),
        (["run"], 2, "Missing argument 'TARGET'"),
        (["run", "desk.py", "hi", "--jsn"], 2, "--json"),
        (["run", "desk.py", "hi", "--json", "--events"], 2, "choose one"),
        (["run", "desk.py", " "], 2, "the text is empty"),
        (["run", "desk.py", "hi", "--session", "a"], 2, "give --store FILE.db as well"),
        (["run", "dsk.py", "hi"], 2, "did you mean desk.py?"),
        (
            ["run", "dsk", "hi"],
            2,
            "there is no module 'dsk' here or among the installed ones; Python files there: ",
        ),
        (["run", "desk:agnt", "hi"], 2, "there is no 'agnt' in desk; agents there: agent; write desk:agent"),
        (["run", "desk.py:DONE", "hi"], 2, "DONE in desk.py is list, no agent; agents there: agent"),
        (
            ["run", "empty.py", "hi"],
            2,
            "there is no agent in empty.py; no agent stands there; make one at the top level",
        ),
        (["run", "two.py", "hi"], 2, "there is more than one agent in two.py; agents there: a, b; write two.py:a"),
        (["run", "broken.py", "hi"], 2, "broken.py could not be imported: ZeroDivisionError: division by zero ("),
        (["run", "wrong.py", "hi"], 2, "wrong.py could not be imported: "),
        (["run", "shop.py", "hi"], 2, "agent 'shop' takes deps of type Shop: give --deps NAME"),
        (["run", "shop.py", "hi", "--deps", "nope"], 2, "there is no 'nope' in shop.py"),
        (["run", "shop.py", "hi", "--deps", "Shp"], 2, "there is no 'Shp' in shop.py; did you mean Shop?"),
        (["run", "keyless.py", "hi"], 2, "model 'gpt-5' has no API key for api.openai.com"),
        (["serve"], 2, "nothing is to be served: give a TARGET, or --model NAME"),
        (["trace", "desk.py"], 2, "desk.py is no trace file and no store"),
        (["trace", "nope.db"], 2, "there is no file 'nope.db'; give what --trace or --store wrote"),
        (["doctor"], 2, "Missing argument 'MODEL'"),
        (["doctor", "m", "--base-url", "127.0.0.1"], 2, "base_url"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_told_with_what_is_there_and_the_remedy(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    (folder / "empty.py").write_text("from agentkit import Agent\n")
    (folder / "two.py").write_text("from agentkit import Agent\na, b = Agent('offline'), Agent('offline')\n")
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "wrong.py").write_text("from agentkit import tool\n@tool\ndef no_type(city):\n    'Doc.'\n")
    (folder / "keyless.py").write_text("from agentkit import Agent\nagent = Agent('gpt-5')\n")
    (folder / "shop.py").write_text(SHOP)
    done = called(*arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert words in " ".join(done.stderr.split())


SHOP = '''
from agentkit import Agent, Context, tool

class Shop:
    name = "the shop"

@tool(effect="read")
def shop_name(ctx: Context[Shop]) -> str:
    """Name of the shop."""
    return ctx.deps.name

agent = Agent("offline", name="shop", deps=Shop, tools=[shop_name])
def make_agent():
    return agent
def needs(argument):
    return argument
'''


def test_deps_are_a_value_or_what_makes_one(folder: Path) -> None:
    (folder / "shop.py").write_text(SHOP)
    done = called("run", "shop.py", "What is the shop name?", "--deps", "Shop")
    assert "the shop" in done.stdout, done.stderr
    done = called("run", "shop:make_agent", "hi", "--deps", "needs")
    assert "--deps needs cannot be called without arguments" in done.stderr
    assert done.exit_code == 2


@pytest.mark.parametrize("target", ["desk.py", "desk.py:agent", "desk:agent", "desk"])
def test_a_target_is_a_file_a_module_or_a_name_in_one(folder: Path, target: str) -> None:
    assert "order 7: a lamp" in called("run", target, "Look up order 7.").stdout


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [("click", ["--help"], "cli"), ("rich", ["--help"], "cli"), ("uvicorn", ["serve", "desk.py"], "serve")],
)
def test_a_missing_extra_is_named(folder: Path, missing: str, arguments: list[str], extra: str) -> None:
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util, sys\nfind = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, package=None: None if name == {missing!r} else find(name, package)\n"
        f"sys.modules[{missing!r}] = None\n"
    )
    done = agentkit(folder, *arguments, PYTHONPATH=os.pathsep.join([str(hidden), str(ROOT)]))
    assert f"needs the extra `{extra}`: pip install 'agentkit[{extra}]'" in done.stderr
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_whoever_reads_the_output_may_stop_early(folder: Path) -> None:
    program = f"{sys.executable} -c 'from agentkit.cli import main; main()' tools desk.py | head -c 5"
    done = subprocess.run(
        program, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
