"""Say of every setting what it is, its unit, where it takes effect, where its value comes from, and whether it has changed since.

The values shown are those that this process runs with. Where the environment or ``sfa.toml`` say something else by now, the
page says so: a setting takes effect with the next start of what it concerns. Secrets are never shown.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, fields
from urllib.parse import urlsplit, urlunsplit

from sfa.config import Config
from sfa.web.names import mark

WEB, WORKERS, PORTS, DATABASE = mark("dashboard"), mark("workers"), mark("ports"), mark("database")
EVERYWHERE = (WEB, WORKERS)

SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "var": (mark("Folder of all local state"), EVERYWHERE),
    "database_url": (mark("Address of the database; empty: the embedded one"), EVERYWHERE),
    "store": (mark("Where audio lies: a folder, s3:// or az://"), EVERYWHERE),
    "models": (mark("Folder of the models' weights"), EVERYWHERE),
    "weights_url": (mark("Where weights are fetched from; empty: their publisher"), EVERYWHERE),
    "host": (mark("Address that the dashboard listens on"), (WEB,)),
    "port": (mark("Port that the dashboard listens on"), (WEB,)),
    "model": (mark("Model for a track where nobody chose one"), EVERYWHERE),
    "postgres_user": (mark("System user of the embedded database when SFA runs as root"), (DATABASE,)),
    "upload_limit_mb": (mark("Largest upload, in MB"), (WEB,)),
    "lease_seconds": (mark("Seconds a worker may be silent before its jobs go to another"), (WORKERS,)),
    "grace_seconds": (mark("Seconds a child may take to stop before it is killed"), (WORKERS, PORTS)),
    "drain_seconds": (mark("Seconds a stopping worker lets its jobs finish"), (WORKERS,)),
    "children_ready": (mark("Children that a worker starts ahead of its first job"), (WORKERS, PORTS)),
    "download_private": (mark("Whether downloads may go to private addresses"), (WORKERS,)),
    "spotify_client_id": (mark("Credentials for Spotify's Web API: the id"), (WORKERS,)),
    "spotify_client_secret": (mark("Credentials for Spotify's Web API: the secret"), (WORKERS,)),
    "spotify_market": (mark("Country whose catalogue counts, two letters"), (WORKERS,)),
    "spotify_api_url": (mark("Where Spotify's Web API is; empty: where it is"), (WORKERS,)),
    "spotify_accounts_url": (mark("Where Spotify's accounts are; empty: where they are"), (WORKERS,)),
    "spotify_embed_url": (mark("Where Spotify's public pages are; empty: where they are"), (WORKERS,)),
}  # fmt: skip
"""What settings are in a person's words, and where they take effect; of others `Config`'s own text is shown."""

EDITABLE = frozenset(
    {
        "model", "upload_limit_mb", "lease_seconds", "grace_seconds", "drain_seconds", "children_ready", "download_http",
        "download_sites", "audio_providers", "sign_up", "rate_limit", "mail_from", "spotify_market",
    }
)  # fmt: skip
"""What an administrator may set on the page. Not: where data, keys and programs lie, where secrets are sent, which addresses are
open to whom; who sits at the machine sets those."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the page shows it; ``changed`` is what it will be after the next start."""

    name: str
    value: str
    default: bool
    source: str
    changed: str | None
    what: str
    where: tuple[str, ...]
    given: str
    """What a form begins with: the text that stands in the file or would count."""
    kind: str
    """How it is asked for: "" (it is not), text, number, choice."""


def settings(config: Config, sources: dict[str, tuple[str, str]]) -> list[Setting]:
    """Every setting, in the order of `Config`."""
    shown = []
    for each in fields(Config):
        value, default = getattr(config, each.name), each.default
        source, text = sources.get(each.name, ("default", str(default)))
        secret = not each.repr
        changed = None
        # A path is made absolute when it is read: compare what it is then.
        if each.name != "var" and not _same(value, text):
            changed = _hidden(text) if secret else _safe(text)
        what, where = SETTINGS.get(each.name) or (documented().get(each.name, ""), EVERYWHERE)
        shown.append(
            Setting(
                each.name,
                _hidden(str(value)) if secret else _safe(str(value)),
                value == default,
                source if value != default or source != "default" else "default",
                changed,
                what,
                where,
                "" if secret else text,
                _kind(each.name, default) if source != "environment" else "",
            )
        )
    return shown


def _kind(name: str, default: object) -> str:
    if name not in EDITABLE:
        return ""
    if isinstance(default, bool):
        return "choice"
    return "number" if isinstance(default, int | float) else "text"


@functools.cache
def documented() -> dict[str, str]:
    """What `Config` itself says of its settings: ``name, name: text`` in its docstring."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n {8}(?! )", Config.__doc__ or ""):
        names, colon, text = entry.partition(": ")
        if colon and re.fullmatch(r"[a-z_, ]+", names):
            found |= dict.fromkeys(
                names.split(", "), " ".join(text.replace("``", "").split()).rstrip(".")
            )
    return found


def _same(value: object, text: str) -> bool:
    if isinstance(value, bool):
        return (text.lower() in ("1", "true", "yes", "on")) == value
    if isinstance(value, int | float):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return str(value) == text


def _hidden(value: str) -> str:
    return "••••••" if value else ""


def _safe(value: str) -> str:
    """An address without its password."""
    if "://" not in value:
        words = value.split()
        return " ".join("password=••••••" if w.startswith("password=") else w for w in words)
    parts = urlsplit(value)
    if parts.password is None:
        return value
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:••••••@{where}"))
