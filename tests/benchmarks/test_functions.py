"""What each function costs by itself; `nox -s bench` runs this, plain `pytest` does not."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import inputs
from wharfinger import (
    Credential,
    Environment,
    ImageReference,
    InvalidReference,
    MemoryStore,
    RegistryAddress,
    Secret,
    lint,
    resolve,
)

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

TEXT = "registry.corp:5000/acme/api:1.2"
REFERENCE = ImageReference.parse(TEXT)
SETTINGS = inputs.settings()


@pytest.fixture(scope="module")
def environment() -> Environment:
    return inputs.environment(1_000)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ubuntu", id="name"),
        pytest.param(TEXT, id="tag"),
        pytest.param(f"quay.io/acme/api:1.2@sha256:{'0' * 64}", id="tag and digest"),
    ],
)
def test_parse(benchmark: BenchmarkFixture, text: str) -> None:
    benchmark(ImageReference.parse, text)


@pytest.mark.parametrize("text", ["acme/API", "https://quay.io/acme/api", "acme/api@sha256:0"])
def test_parse_error(benchmark: BenchmarkFixture, text: str) -> None:
    def told() -> str:
        try:
            return str(ImageReference.parse(text))
        except InvalidReference as error:
            return str(error)

    with pytest.raises(InvalidReference):
        ImageReference.parse(text)
    benchmark(told)


def test_qualified(benchmark: BenchmarkFixture) -> None:
    benchmark(ImageReference.parse("ubuntu:24.04").qualified)


def test_familiar(benchmark: BenchmarkFixture) -> None:
    benchmark(ImageReference.parse("docker.io/library/ubuntu:24.04").familiar)


def test_locate(benchmark: BenchmarkFixture) -> None:
    benchmark(SETTINGS.locate, ImageReference.parse("ubuntu:24.04"))


def test_address_remembered(benchmark: BenchmarkFixture) -> None:
    benchmark(RegistryAddress.parse, "registry.corp:5000")


def test_address_new(benchmark: BenchmarkFixture) -> None:
    benchmark(RegistryAddress, "Registry.Corp", 5000)


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        pytest.param("quay.io", "acme/api", id="whole registry"),
        pytest.param("docker.io", "library/ubuntu", id="path"),
        pytest.param("eu.acme.azurecr.io", "api", id="wildcard"),
        pytest.param("registry.acme.example", "team/app/api", id="no entry"),
    ],
)
def test_permits(benchmark: BenchmarkFixture, address: str, repository: str) -> None:
    benchmark(SETTINGS.whitelist.permits, RegistryAddress.parse(address), repository)


def test_in_force(benchmark: BenchmarkFixture, environment: Environment) -> None:
    benchmark(environment.in_force, RegistryAddress.DOCKER_HUB)


def test_resolve_text(benchmark: BenchmarkFixture, environment: Environment) -> None:
    benchmark(resolve, TEXT, environment, SETTINGS)


def test_resolve_reference(benchmark: BenchmarkFixture, environment: Environment) -> None:
    benchmark(resolve, REFERENCE, environment, SETTINGS)


def test_explain(benchmark: BenchmarkFixture, environment: Environment) -> None:
    benchmark(lambda: resolve(REFERENCE, environment, SETTINGS).explain())


def test_lint(benchmark: BenchmarkFixture, environment: Environment) -> None:
    benchmark(lint, environment, SETTINGS)


def test_store_add(benchmark: BenchmarkFixture) -> None:
    store = MemoryStore()
    addresses = (RegistryAddress(f"r{number}.example.com") for number in count())
    credential = Credential("ci", Secret("hunter2"))
    benchmark.pedantic(
        lambda address: store.add("bench", address, credential),
        setup=lambda: ((next(addresses),), {}),
        rounds=10_000,
    )


def test_store_credential(benchmark: BenchmarkFixture) -> None:
    store = MemoryStore()
    for number in range(1_000):
        store.add("bench", f"r{number}.example.com", Credential("ci", Secret("hunter2")))
    answer = resolve("r500.example.com/acme/api", store.environment("bench"))
    benchmark(store.credential, "bench", answer)
