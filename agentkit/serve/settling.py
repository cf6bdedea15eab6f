"""After a run's answer: what waits is kept where the next request finds it, what is over is forgotten."""

from __future__ import annotations

from agentkit.journal import Session

from .answer import Answer
from .paused import stored_run, write_record
from .service import Service
from .turn import Turn


def waiting_name(owner: str, run_id: str) -> str:
    """The name of the record of a run that waits for a decision."""
    return f"{owner}/waiting/{run_id}"


async def settle(service: Service, owner: str, turn: Turn, answer: Answer) -> None:
    """Keep a run that waits, with or without a session; forget one that is over, unless it is a session's."""
    state, parking, session = answer.state, service.parking, turn.session
    parking.over(owner, turn.calls)
    if not state.waiting:
        if session is not None:
            await service.store.delete(waiting_name(owner, state.run_id))
            if _is_temporary(session, owner):
                await session.delete()
        return
    lasting = service.store if answer.waits else parking.store
    if session is None or (session.store is parking.store and lasting is service.store):
        if session is not None:
            await session.delete()
        session = await stored_run(state, lasting, f"{owner}/runs/{state.run_id}")
    if answer.client:
        await parking.keep(owner, session, turn.model, answer.client)
    if answer.waits:
        record = {"model": turn.model, "journal": session.id, "request": turn.asked.body}
        await write_record(service.store, waiting_name(owner, state.run_id), record)


def _is_temporary(session: Session, owner: str) -> bool:
    return session.id.startswith(f"{owner}/runs/")
