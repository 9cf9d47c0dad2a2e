"""Opening a store by its URL: schemes, entry points, what is missing, and what is not imported."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import wharfinger.stores
from tests.stores.secrecy import MARK, assert_silent
from wharfinger import MemoryStore
from wharfinger.stores import (
    UNSEALED,
    SealingKeys,
    SQLStore,
    StoreError,
    StoreNotFound,
    UnknownStore,
    open_store,
)
from wharfinger.stores.database import Database
from wharfinger.stores.urls import Target, parse_url


def test_by_scheme(url: str, keys: SealingKeys) -> None:
    store = open_store(url, seal=keys)
    assert isinstance(store, SQLStore)
    store.close()
    assert isinstance(open_store("memory:", seal=keys), MemoryStore)


def test_postgresql_without_its_driver(url: str, keys: SealingKeys) -> None:
    """`postgresql:` is `postgresql+psycopg:`, the driver that is there."""
    store = SQLStore.open(url.replace("+psycopg", ""), seal=keys)
    assert store.environments() == ()
    store.close()


def test_none_is_made_unless_asked_for(url: str, keys: SealingKeys) -> None:
    """With ``create=False`` a store that is there is opened, and one that is not is not made."""
    for opening in (SQLStore.open, open_store):
        with pytest.raises(StoreNotFound, match="look at the URL, or make a store there") as caught:
            opening(url, seal=keys, create=False)
        assert caught.value.__context__ is None
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        assert not Path(str(engine.url.database)).exists()
    assert sa.inspect(engine).get_table_names() == []
    SQLStore.open(url, seal=keys).close()
    store = SQLStore.open(url, seal=keys, create=False)
    assert store.environments() == ()
    store.close()


def test_another_database_is_left_as_it_is(tmp_path: Path, keys: SealingKeys) -> None:
    """A slip that names something else changes nothing about it, its journal included."""
    theirs = tmp_path / "theirs.db"
    with closing(sqlite3.connect(theirs)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    (tmp_path / "empty.db").touch()
    for path in (theirs, tmp_path / "empty.db"):
        before = path.read_bytes()
        with pytest.raises(StoreNotFound, match=f"no store in sqlite:///{path}"):
            SQLStore.open(f"sqlite:///{path}", seal=keys, create=False)
        assert path.read_bytes() == before
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize(
    "form",
    ["sqlite:///{path}", "sqlite:///file:{path}?uri=true", "sqlite:///file://{path}?uri=true"],
)
def test_the_file_is_named(tmp_path: Path, form: str) -> None:
    """In whichever form a file is given, the error names it as it is."""
    path = tmp_path / "a b.db"
    given = path.as_posix().replace(" ", "%20") if "uri" in form else path
    with pytest.raises(StoreNotFound, match=f"no file {path};"):
        SQLStore.open(form.format(path=given), seal=UNSEALED, create=False)
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("postgres://u@h/d", "did you mean postgresql"),
        ("sqllite:///registries.db", "did you mean sqlite"),
        ("mysql://h/d", "there are memory, postgresql, sqlite"),
        ("POSTGRESQL://u@h/d", "did you mean postgresql"),
        ("registries.db", "there are memory"),
        ("", "a URL begins with a scheme; there are memory"),
        (f"postgres://u:{MARK}@h/d", "did you mean postgresql"),
        (f"postgresql u:{MARK}@h/d", "a URL begins with a scheme"),
        (MARK, "a URL begins with a scheme"),
    ],
)
def test_unknown_schemes(url: str, near: str) -> None:
    """What is no scheme is not quoted, and the URL is in no frame: it may hold a password."""
    passed = [url]
    with pytest.raises(UnknownStore, match=near) as caught:
        open_store(passed.pop(), seal=UNSEALED)
    assert_silent(caught.value)


@pytest.mark.parametrize("url", [None, 1, b"memory:", Path("registries.db")])
def test_what_is_no_text(url: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="a store's URL is a str, not"):
        open_store(url, seal=UNSEALED)


@pytest.mark.parametrize("url", ["memory:", "sqlite:///registries.db", "acme://host"])
def test_the_seal_is_looked_at_first(url: str) -> None:
    """Whatever the store, it is told how its secrets are kept."""
    seal: Any = None
    with pytest.raises(TypeError, match="seal is SealingKeys or UNSEALED, not NoneType"):
        open_store(url, seal=seal)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        f"sqlite+aiosqlite:///{MARK}.db",
        f"postgresql+asyncpg://u:{MARK}@h/d",
        f"postgresql+psycopg2://u:{MARK}@h/d",
        f"postgresql://u:{MARK}@h:{MARK}/d",
        f"postgresql:u:{MARK}",
        f"sqlite {MARK}",
        f"sqlite://{MARK}.db",
        f"sqlite://u:{MARK}@h/d.db",
        f"sqlite:///{MARK}\0.db",
        f"sqlite:///x.db?timeout={MARK}",
        f"sqlite:///x.db?cached_statements={MARK}",
        "sqlite:///x.db?mode=ro",
        "sqlite:///file:?uri=true",
        "sqlite:///file:x?uri=true&vfs=memdb",
        f"postgresql://u:a@{MARK}@h/d",
        f"postgresql://u:a@h/{MARK}@h/d",
        f"postgresql://u:{MARK}@h/d?port=x",
        f"postgresql://h/d?connect_timeout={MARK}",
        f"postgresql://u:{MARK}@127.0.0.1:1/d?no_such_option=1",
    ],
)
def test_what_is_no_url_of_a_store(url: str) -> None:
    """What can't be opened is refused without quoting it: it may hold a password."""
    opening = [SQLStore.open]  # and not this frame
    with pytest.raises(StoreError) as caught:
        opening.pop()(url, seal=UNSEALED)
    assert_silent(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "repair"),
    [
        ("sqlite://x.db", "sqlite:///FILE"),
        ("sqlite:///x.db?mode=ro", "sqlite:///file:FILE?uri=true"),
        ("postgresql://u:a@b@h/d", "%40"),
        ("postgresql://h/d?port=x", "an option behind the '?'"),
        ("postgresql://127.0.0.1:1/d?no_such_option=1", "an option behind the '?'"),
    ],
)
def test_a_url_is_told_how_to_be_mended(url: str, repair: str) -> None:
    with pytest.raises(StoreError) as caught:
        SQLStore.open(url, seal=UNSEALED)
    assert repair in str(caught.value)


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://u:{}@/d?host={}",
        "postgresql://u@/d?password={}&host={}",
        "postgresql://u@/d?sslpassword={}&host={}",
        "postgresql://u@/d?options=-c%20x={}&host={}",
    ],
)
def test_a_password_is_quoted_by_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A database that is not there is told without the password that was to open it."""
    monkeypatch.setattr("wharfinger.stores.database.RETRY_SECONDS", 0.3)
    password = MARK
    with pytest.raises(StoreError, match="can't be reached") as caught:
        open_store(form.format(password, tmp_path), seal=UNSEALED)
    assert_silent(caught.value)


def test_what_is_shown_of_a_database(sqlite_url: str, keys: SealingKeys) -> None:
    """A store shows its URL, without a password and without options, which may hold one."""
    store = SQLStore.open(sqlite_url, seal=keys)
    assert repr(store) == f"<SQLStore {sqlite_url}>"
    store.close()
    target = parse_url(f"postgresql://u:{MARK}@h/d?password={MARK}")
    assert isinstance(target, Target)
    database = Database.connect(target)
    assert str(database) == "postgresql+psycopg://u@h/d"
    for shown in (target, database._engine, database._engine.url):
        assert MARK not in repr(shown)


def test_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheme that nobody here knows is looked up among the entry points, and only it."""
    folder = tmp_path / "acme_store-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-store\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[wharfinger.stores]\nacme = acme_store:open\nbroken = acme_missing:open\n"
        "liar = acme_store:lie\nraiser = acme_store:fail\n"
    )
    (tmp_path / "acme_store.py").write_text(
        textwrap.dedent("""
            from wharfinger import MemoryStore

            class AcmeStore(MemoryStore):
                def __init__(self, url, seal):
                    super().__init__()
                    self.opened = url, seal

            def open(url, *, seal):
                return AcmeStore(url, seal)

            def lie(url, *, seal):
                return {"a": "dict"}

            def fail(url, *, seal):
                del url
                raise RuntimeError("no")
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    open_store("memory:", seal=UNSEALED)
    assert "acme_store" not in sys.modules
    for url in ("acme://host/team", "acme+tls://host"):
        store = open_store(url, seal=UNSEALED)
        assert type(store).__name__ == "AcmeStore"
        assert vars(store)["opened"] == (url, UNSEALED)
    with pytest.raises(UnknownStore, match=r"acme, broken, liar, memory.*did you mean acme"):
        open_store("acmee://", seal=UNSEALED)
    passed = [f"{scheme}://u:{MARK}@host" for scheme in ("raiser", "liar", "broken")]
    for problem in ("broken: can't be loaded, acme_missing:open", "liar: returned a dict"):
        with pytest.raises(StoreError, match=problem) as caught:
            open_store(passed.pop(), seal=UNSEALED)
        assert_silent(caught.value)
    with pytest.raises(RuntimeError) as raised:
        open_store(passed.pop(), seal=UNSEALED)
    assert_silent(raised.value)
    sys.modules.pop("acme_store", None)


def test_entry_points_are_not_looked_at_unasked(
    url: str, keys: SealingKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's packages are looked through for a scheme that is known here."""
    looked: list[object] = []

    def look(**asked: object) -> tuple[()]:
        looked.append(asked)
        return ()

    monkeypatch.setattr("importlib.metadata.entry_points", look)
    open_store("memory:", seal=keys)
    store = open_store(url, seal=keys)
    assert isinstance(store, SQLStore)
    store.close()
    assert looked == []
    with pytest.raises(UnknownStore):
        open_store("acme://host", seal=keys)
    assert looked == [{"group": "wharfinger.stores"}]


WITHOUT = """
    import sys

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == {package!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    sys.meta_path.insert(0, Missing())
    from wharfinger.stores import MissingExtra
    try:
        from wharfinger.stores import UNSEALED, SealingKeys, SQLStore, open_store
        {code}
    except MissingExtra as error:
        assert isinstance(error, ImportError), error
        assert error.__cause__ is None, error
        print(error)
    else:
        print("nothing was missing")
"""


def run(code: str) -> str:
    """Run code in a new interpreter that sees what is installed, and the library."""
    where = wharfinger.__path__[0].rpartition("/")[0]
    start = f"import sys; sys.path.insert(0, {where!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", start + textwrap.dedent(code)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("package", "code", "extra"),
    [
        ("sqlalchemy", "pass", "SQLStore needs sqlalchemy: pip install 'wharfinger[sql]'"),
        ("stamina", "pass", "SQLStore needs stamina: pip install 'wharfinger[sql]'"),
        (
            "alembic",
            "SQLStore.open('sqlite:///{folder}/a.db', seal=UNSEALED)",
            "SQLStore needs alembic: pip install 'wharfinger[sql]'",
        ),
        (
            "cryptography",
            "SealingKeys",
            "SealingKeys needs cryptography: pip install 'wharfinger[sealed]'",
        ),
        (
            "psycopg",
            "open_store('postgresql://h/d', seal=UNSEALED)",
            "PostgreSQL needs psycopg: pip install 'wharfinger[postgres]'",
        ),
    ],
)
def test_a_missing_extra(tmp_path: Path, package: str, code: str, extra: str) -> None:
    """What is not installed is told with the line that installs it."""
    assert run(WITHOUT.format(package=package, code=code.format(folder=tmp_path))) == extra


def test_sqlite_without_the_other_extras(tmp_path: Path) -> None:
    """An unsealed SQLite file needs neither cryptography nor a driver for PostgreSQL."""
    for package in ("cryptography", "psycopg"):
        code = f"""
            import sys
            sys.modules[{package!r}] = None
            from wharfinger.stores import UNSEALED, open_store
            print(open_store("sqlite:///{tmp_path}/{package}.db", seal=UNSEALED).environments())
        """
        assert run(code) == "()"


@pytest.mark.parametrize(
    "code",
    [
        "import wharfinger",
        "import wharfinger.stores",
        "from wharfinger.stores import UNSEALED, open_store, AsyncStore, WrongKey",
        "import wharfinger.stores as s; s.open_store('memory:', seal=s.UNSEALED)",
    ],
)
def test_nothing_is_imported_unasked(code: str) -> None:
    heavy = ("sqlalchemy", "alembic", "stamina", "cryptography", "psycopg")
    assert run(f"{code}\nprint([name for name in {heavy!r} if name in sys.modules])") == "[]"


def test_what_the_room_offers() -> None:
    assert dir(wharfinger.stores) == sorted(wharfinger.stores.__all__)
    for name in wharfinger.stores.__all__:
        assert getattr(wharfinger.stores, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = wharfinger.stores.nothing
