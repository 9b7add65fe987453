"""Examine an installation: each check is a function that says ok, warn or fail, and what to do.

Decides by looking and trying, never by changing anything.
Limit: it looks at this host; workers elsewhere have their own.
"""

import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sfa import spotdl, weights
from sfa.config import HOME, Config
from sfa.errors import SfaError
from sfa.migrations import pending
from sfa.postgres import dsn
from sfa.postgres.cluster import Cluster
from sfa.postgres.programs import client_program
from sfa.readiness import healthy, port_problem
from sfa.supervisord import SOCKET_PATH_LIMIT, WEB, Supervisord

Verdict = Literal["ok", "warn", "fail"]
GB = 1 << 30
DISK_WARN, DISK_FAIL = 5 * GB, 1 * GB


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `advice` is what to do about it."""

    name: str
    verdict: Verdict
    text: str
    advice: str = ""


def _python(config: Config) -> Finding:
    text = f"{sys.version.split()[0]}"
    wanted = {}
    lock = HOME / "constraints.txt"
    for line in lock.read_text().splitlines() if lock.exists() else []:
        if found := re.fullmatch(r"([\w.-]+)==([\w.]+)", line):
            wanted[found[1]] = found[2]
    odd, alike = [], 0
    for name, version in wanted.items():
        try:
            here = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
        alike += here == version
        if here != version:
            odd.append(f"{name} {here} instead of {version}")
    if odd:
        return Finding("python", "warn", f"{text}; {', '.join(odd[:3])}", "run bin/setup")
    return Finding("python", "ok", f"{text}, {alike} packages as locked")


def _torch(config: Config) -> Finding:
    # In a process of its own: this one stays free of it, and a broken torch can end a process.
    code = "import torch; print(torch.__version__, 'GPU' if torch.cuda.is_available() else 'CPU')"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("torch", "fail", "importing it takes over a minute", "is the disk busy?")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it died"])[-1]
        return Finding(
            "torch", "fail", last, "run bin/setup; remove the .venv folder if that fails"
        )
    return Finding("torch", "ok", done.stdout.strip())


def _assets(config: Config) -> Finding:
    dist = HOME / "sfa" / "web" / "static" / "dist"
    try:
        named = json.loads((dist / "manifest.json").read_text())
    except (OSError, ValueError):
        named = {}
    if not named or not all((dist / name).exists() for name in named.values()):
        return Finding("assets", "fail", "the front end is not built", "run bin/setup")
    return Finding("assets", "ok", f"{len(named)} files")


def _ffmpeg(config: Config) -> Finding:
    if importlib.util.find_spec("imageio_ffmpeg") or shutil.which("ffmpeg"):
        return Finding("ffmpeg", "ok", "there")
    return Finding("ffmpeg", "warn", "not there: m4a and aac cannot be read", "run bin/setup")


def _spotdl(config: Config) -> Finding:
    python = spotdl.interpreter(config)
    if python is None:
        text = "its environment is not there: recordings of Spotify's tracks can't be fetched"
        return Finding("spotdl", "warn", text, "run bin/setup; the log is var/log/setup-spotdl.log")
    code = "import importlib.metadata as m; print(m.version('spotdl'), m.version('yt-dlp'))"
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        return Finding("spotdl", "warn", "its environment is broken", "run bin/setup")
    ours, theirs = done.stdout.split()
    return Finding("spotdl", "ok", f"{ours}, yt-dlp {theirs}")


def _disk(config: Config) -> Finding:
    folder = next(path for path in (config.var, *config.var.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free / GB:.0f} GB free"
    if free < DISK_FAIL:
        return Finding("disk", "fail", text, "make room: one song's stems take about 200 MB")
    if free < DISK_WARN:
        return Finding("disk", "warn", text, "one song's stems take about 200 MB")
    return Finding("disk", "ok", text)


def _paths(config: Config) -> Finding:
    length = len(str(Supervisord().socket).encode())
    if length > SOCKET_PATH_LIMIT:
        return Finding(
            "path", "fail", f"{length - SOCKET_PATH_LIMIT} bytes too long", "move the checkout"
        )
    return Finding("path", "ok", "short enough for a unix socket")


def _programs(config: Config) -> Finding:
    supervisord = Supervisord()
    if not supervisord.running():
        return Finding("programs", "warn", "nothing is running", "bin/sfa up")
    bad = [
        program.name
        for program in supervisord.programs()
        if program.state not in ("RUNNING", "STARTING", "EXITED")
    ]
    if bad:
        return Finding(
            "programs", "fail", f"not running: {', '.join(bad)}", f"bin/sfa logs {bad[0]}"
        )
    return Finding("programs", "ok", "all running")


def _postgres(config: Config) -> Finding:
    if not config.database_url:
        cluster = Cluster.of(config.var, config.postgres_user)
        if not cluster.ready():
            text = f"embedded, as the user {cluster.account.name}; not running"
            return Finding("postgres", "warn", text, "bin/sfa up, then bin/sfa logs postgres")
    missing = pending(dsn(config))
    where = "DATABASE_URL" if config.database_url else "embedded"
    if missing:
        text = f"{where}; {len(missing)} migrations are missing"
        return Finding("postgres", "fail", text, "bin/sfa migrate")
    return Finding("postgres", "ok", f"{where}, schema is current")


def _psql(config: Config) -> Finding:
    if client_program("psql"):
        return Finding("psql", "ok", "there")
    return Finding("psql", "warn", "not there", "apt-get install postgresql-client")


def _port(config: Config) -> Finding:
    if healthy(config):
        return Finding("port", "ok", f"{config.address} answers")
    problem = port_problem(config)
    supervisord = Supervisord()
    if problem and supervisord.running() and supervisord.program(WEB).state == "RUNNING":
        return Finding("port", "warn", f"{config.address} does not answer yet", "bin/sfa logs web")
    if problem:
        return Finding("port", "fail", problem, "stop the other program, or set SFA_PORT")
    return Finding("port", "ok", f"{config.port} is free")


def _weights(config: Config) -> Finding:
    here = [name for name in weights.MODELS if weights.available(name, config.models_folder)]
    if here:
        return Finding("weights", "ok", ", ".join(here))
    if weights.reachable(1.5, config.weights_url):
        return Finding("weights", "ok", "none yet: they are fetched on first use")
    text = "none here, and their server cannot be reached: only spectral works"
    return Finding(
        "weights", "warn", text, "put them into the models folder (SFA_MODELS), or go online"
    )


CHECKS: tuple[Callable[[Config], Finding], ...] = (
    _python,
    _torch,
    _assets,
    _ffmpeg,
    _spotdl,
    _disk,
    _paths,
    _psql,
    _programs,
    _postgres,
    _port,
    _weights,
)


def examine(config: Config) -> Iterator[Finding]:
    """Run every check; one that fails to run is a finding too."""
    for check in CHECKS:
        try:
            yield check(config)
        except (SfaError, OSError) as error:
            yield Finding(check.__name__.strip("_"), "fail", str(error), "bin/sfa logs")
