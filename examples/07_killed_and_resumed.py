"""A process is killed in the middle of a transfer; another one finds out, asks a person, and goes on."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agentkit import Agent, SQLiteStore, model_from_environment, tool

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
BANK = FOLDER / "bank.txt"  # the outside world: what is in it really happened


@tool
def transfer_money(account: str, amount: float) -> str:
    """Transfer money to an account.

    Args:
        account: Name of the account, e.g. rent
        amount: How much, in euros
    """
    with BANK.open("a") as bank:
        bank.write(f"{amount:.2f} to {account}\n")
    print("transferring ...", flush=True)
    time.sleep(60)  # the bank is slow, and this process will not see its answer
    return "transferred"


agent = Agent(model_from_environment(), tools=[transfer_money])


def first_process() -> None:
    """Runs until it is killed."""
    store = SQLiteStore(FOLDER / "runs.db")
    agent.run_sync('Transfer money to the account "rent", amount 850.', session=store.session("rent"))


def second_process() -> None:
    """Goes on from what the first one wrote down."""
    store = SQLiteStore(FOLDER / "runs.db")
    session = store.session("rent")
    result = agent.run_sync(None, session=session)
    for call in result.waiting:
        print(f"{call.tool}({call.arguments}): the outcome is {call.why}")
    happened = "850.00 to rent" in BANK.read_text()  # a person looks at the bank's list
    state = result.state.answer(result.waiting[0], "transferred" if happened else "it did not happen")
    print("output:", agent.run_sync(state, session=session).output)
    print("bank:  ", BANK.read_text().splitlines())
    store.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        first_process()
    else:
        command = [sys.executable, __file__, str(FOLDER)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        print(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        print("killed")
        second_process()
