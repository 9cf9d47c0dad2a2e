"""The asyncio face of a store that raises what no future takes."""

from __future__ import annotations

import asyncio
import threading
from typing import NoReturn

import pytest

from wharfinger import MemoryStore
from wharfinger.stores import AsyncStore


class Exhausted(MemoryStore):
    """A store that asks an iterator for more than it has, when the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.error = StopIteration("no more rows")

    def environments(self) -> NoReturn:
        self.begun.set()
        assert self.go_on.wait(10)
        raise self.error


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_store_that_stops_iterating(*, cancelled: bool) -> None:
    """An error that no future takes is told by another, and nobody waits for ever."""
    store = Exhausted()

    async def use() -> None:
        task = asyncio.create_task(AsyncStore(store).environments())
        assert await asyncio.to_thread(store.begun.wait, 10)
        if cancelled:
            task.cancel()
        store.go_on.set()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        if cancelled:
            assert task.cancelled()
            return
        with pytest.raises(RuntimeError, match="the store raised StopIteration") as caught:
            await task
        assert caught.value.__cause__ is store.error

    # Not asyncio.run, which would itself wait for a task that never ends.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(use())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
