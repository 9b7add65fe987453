"""Talk to the host's supervisord, and start it.

Decides whether it runs by asking on its unix socket (7 ms), not by a pid file, which outlives a kill; and
whether it runs the checkout's present code by the names, sizes and times of the files it was started with.
Limit: one supervisord for one checkout; its socket lies in var/run of the checkout, whose path can
therefore not be longer than a unix socket's address allows.
"""

import hashlib
import http.client
import os
import re
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from sfa.config import HOME
from sfa.errors import SfaError

POSTGRES = "postgres"
WEB = "web"
# supervisord binds the name with its pid appended, then renames: leave room below 107 bytes.
SOCKET_PATH_LIMIT = 98
_ALREADY_STARTED, _NOT_RUNNING = 60, 70
# What the programs are made of; the tests and the built front end's sources are not.
_CODE = (
    "sfa/**/*.py",
    "sfa/**/*.html",
    "sfa/web/static/dist/**/*",
    "sql/**/*.sql",
    "supervisord.conf",
    "constraints.txt",
)


class SupervisorError(SfaError):
    """The supervisor does not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised program; `state` is supervisord's word (RUNNING, BACKOFF, FATAL …)."""

    name: str
    state: str
    pid: int
    seconds: int
    description: str
    exit_code: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Supervisord:
    """The supervisor of the checkout at `home`."""

    def __init__(self, home: Path = HOME) -> None:
        self.home = home
        self.socket = home / "var" / "run" / "supervisor.sock"
        self.logs = home / "var" / "log"
        self._started_with = home / "var" / "run" / "code"

    def _ask(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException) as error:
            raise SupervisorError("nothing is running here: start it with `bin/sfa up`") from error
        finally:
            transport.close()

    def running(self) -> bool:
        """Whether a supervisor answers."""
        if not self.socket.exists():
            return False
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except SupervisorError:
            return False

    def outdated(self) -> bool:
        """Whether the code has changed since the programs were started."""
        try:
            return self._started_with.read_text() != self._code()
        except OSError:
            return True

    def _code(self) -> str:
        files = sorted(path for pattern in _CODE for path in self.home.glob(pattern))
        said = [f"{path}:{(facts := path.stat()).st_size}:{facts.st_mtime_ns}" for path in files]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def start(self, timeout: float = 15.0) -> None:
        """Start the daemon, which starts its programs; return once it answers."""
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise SupervisorError(
                f"the checkout's path is too long: {self.socket} has to fit into {SOCKET_PATH_LIMIT} "
                "bytes, the limit of a unix socket. Move the checkout to a shorter path"
            )
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self._started_with.write_text(self._code())
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "supervisor.supervisord",
                "-c",
                str(self.home / "supervisord.conf"),
            ],
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["it gave no reason"]
            raise SupervisorError(f"supervisord did not start: {last[0]}")
        deadline = time.monotonic() + timeout
        while not self.running():
            if time.monotonic() > deadline:
                raise SupervisorError("supervisord does not answer; see var/log/supervisord.log")
            time.sleep(0.05)

    def programs(self) -> list[Program]:
        """Every program, in the order they are started in."""
        found = []
        for info in self._ask("getAllProcessInfo"):
            seconds = info["now"] - info["start"] if info["statename"] == "RUNNING" else 0
            found.append(
                Program(
                    info["name"],
                    info["statename"],
                    info["pid"],
                    seconds,
                    info["description"],
                    info["exitstatus"],
                )
            )
        return found

    def program(self, name: str) -> Program:
        """One program by its name."""
        return next(program for program in self.programs() if program.name == name)

    def start_program(self, name: str) -> None:
        """Ask for a program to be started; one that is started already is fine."""
        self._tolerant("startProcess", name, _ALREADY_STARTED)

    def hold_program(self, name: str) -> None:
        """The listener's way to stop a program: not taken for a person's (`sfa.remote`)."""
        try:
            self._ask("holdProcess", name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _NOT_RUNNING:
                raise SupervisorError(f"{name}: {fault.faultString}") from fault

    def last_end(self, name: str) -> str:
        """How a program ended last, in supervisord's words ("exit status 1", "terminated by SIGKILL"), "" if unknown.

        Its status keeps -1 for every signal, and 0 for an end before ``startsecs``: only its log tells.
        """
        try:
            text = str(self._ask("readLog", -8192, 0))
        except xmlrpc.client.Fault:
            return ""
        ends = re.findall(rf" (?:exited|stopped): {re.escape(name)} \(([^;()]+)", text)
        return ends[-1].strip() if ends else ""

    def stop_program(self, name: str) -> None:
        """Ask for a program to be stopped, without waiting; one that is stopped is fine."""
        self._tolerant("stopProcess", name, _NOT_RUNNING)

    def signal_program(self, name: str, signal: str) -> None:
        """Send a signal (say ``TERM``) to a program; one that does not run is fine."""
        try:
            self._ask("signalProcess", name, signal)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _NOT_RUNNING:
                raise SupervisorError(f"{name}: {fault.faultString}") from fault

    def _tolerant(self, method: str, name: str, fine: int) -> None:
        try:
            self._ask(method, name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != fine:
                raise SupervisorError(f"{name}: {fault.faultString}") from fault

    def shutdown(self, timeout: float = 150.0) -> None:
        """Stop everything: the workers side by side first, then the rest in order; wait for the end."""
        pid: int = self._ask("getPID")
        for program in self.programs():
            if program.name != POSTGRES:
                self.stop_program(program.name)
        self._ask("shutdown")
        deadline = time.monotonic() + timeout
        while Path(f"/proc/{pid}").exists() if sys.platform == "linux" else self.running():
            if time.monotonic() > deadline:
                raise SupervisorError(f"supervisord (process {pid}) is still stopping its programs")
            time.sleep(0.05)

    def log_tail(self, name: str, lines: int = 8) -> str:
        """The last lines that a program wrote."""
        try:
            text = (self.logs / f"{name}.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
