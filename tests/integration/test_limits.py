"""What a document cannot keep its client from, although the library denies it: told, and shown."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.clients import Clients, Outcome
from tests.integration.deliveries import DELIVERIES, Delivery, Order
from tests.integration.registries import PRIVATE, RIGHT, Kind
from tests.integration.situations import ENVIRONMENT
from tests.integration.table import Row
from tests.integration.token_server import PUBLIC
from wharfinger import MemoryStore, Reason, Settings

LIMIT: Final = f"{Outcome.PULLED}, which the document can't prevent"
REJECTING: Final = [
    delivery
    for delivery in DELIVERIES
    if delivery.refusals.get(Reason.NOT_WHITELISTED) is Outcome.REJECTED
]


@pytest.mark.parametrize(
    "delivery", [delivery for delivery in DELIVERIES if not delivery.by_image], ids=str
)
def test_paths(delivery: Delivery, running_clients: Clients, rows: list[Row]) -> None:
    """R14, R18: where some path of a registry is whitelisted, its credential opens all of them."""
    place = running_clients.registries.places[Kind.HTTP]
    store = MemoryStore()
    store.add(ENVIRONMENT, place.address, RIGHT)

    def pull(whitelist: str) -> Outcome:
        store.save_settings(Settings(whitelist=whitelist))
        order = Order(store, place, place.image())
        assert order.answer.reason is Reason.NOT_WHITELISTED
        return delivery.pull(running_clients, order)

    assert pull(f"{place.address}/another") is Outcome.PULLED
    control = pull("quay.io")
    assert control is delivery.refusals.get(Reason.NOT_WHITELISTED, Outcome.UNAUTHORIZED)
    rows.append(
        Row(
            delivery.documents,
            delivery.client,
            place.kind,
            "another path whitelisted",
            "denied: not-whitelisted",
            LIMIT,
            f"another registry whitelisted: {control}",
        )
    )


@pytest.mark.parametrize("delivery", DELIVERIES, ids=str)
def test_public_images(delivery: Delivery, running_clients: Clients, rows: list[Row]) -> None:
    """R14: what needs no credential can't be denied by withholding one; policy.json denies it."""
    place = running_clients.registries.places[Kind.TOKEN]
    store = MemoryStore()
    store.create(ENVIRONMENT)

    def pull(whitelist: str, repository: str, reason: Reason) -> Outcome:
        store.save_settings(Settings(whitelist=whitelist))
        order = Order(store, place, place.image(repository))
        assert order.answer.reason is reason
        return delivery.pull(running_clients, order)

    public = f"{PUBLIC}hello"
    did = pull("quay.io", public, Reason.NOT_WHITELISTED)
    if delivery in REJECTING:
        assert did is Outcome.REJECTED
        control = pull(place.address, public, Reason.ANONYMOUS)
        assert control is Outcome.PULLED
    else:
        assert did is Outcome.PULLED
        control = pull("quay.io", PRIVATE, Reason.NOT_WHITELISTED)
        assert control is Outcome.UNAUTHORIZED
    rows.append(
        Row(
            delivery.documents,
            delivery.client,
            place.kind,
            "public image, not whitelisted",
            "denied: not-whitelisted",
            did if delivery in REJECTING else LIMIT,
            f"{'whitelisted' if delivery in REJECTING else 'another image of it'}: {control}",
        )
    )
