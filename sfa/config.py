"""Read the configuration once and check it: one frozen value for the whole process.

A setting comes from, in this order: the environment (``SFA_<NAME>``, and ``DATABASE_URL``), the file
``var/sfa.toml`` (keys in lower case), the default. An unknown key is refused with the nearest known one.
``Config.load`` is the only reader of the environment.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sfa.errors import ConfigError

HOME = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, with its unit and default.

    Options:
        var: folder of all local state (``var`` in the checkout).
        database_url: libpq address of the database; empty: the embedded one under ``var``.
        store: where audio lives: a folder, or an address (``s3://…``, ``az://…``); empty: ``var/store``.
        models: folder of the models' weights; empty: ``var/models``.
        weights_url: address the released weights are fetched from; empty: the publisher's.
        host, port: where the dashboard listens (``127.0.0.1``, 4000).
        model: the model a track is separated with where nobody chose one (``htdemucs``).
        postgres_user: operating system user of the embedded database when SFA runs as root;
            empty: ``postgres``, else ``nobody``.
        upload_limit_mb: largest upload, in MB (1024).
        lease_seconds: how long a worker may be silent before its jobs are given to another (15).
        grace_seconds: how long a child may take to stop before it is killed (5).
        drain_seconds: how long a stopping worker lets its jobs finish before it gives them back (10).
        children_ready: how many children a worker of separations or analyses starts ahead and keeps (0: the first job
            starts the first, and the last idle one ends after ten minutes).
        keys: the keys that secrets are encrypted with, the sealing one first; empty: the file ``keyring`` under ``var``.
        download_private: whether downloads may go to private and loopback addresses (false).
        lalalai_key: the installation's licence key for lalal.ai, for users without one of their own.
        lalalai_url: where lalal.ai is; empty: where it is.
        download_http: whether plain http(s) addresses of audio files may be downloaded (false).
        download_sites: whether pages of the sites that yt-dlp knows may be downloaded (false).
        spotdl_python: the Python of spotdl's environment; empty: the one that bin/setup made.
        audio_providers: where recordings of Spotify's tracks are searched, in order (youtube-music,youtube).
        audio_search_url: an archive of one's own that is searched instead: it answers ?q=… with a JSON list of
            {url, name, artists, duration, verified}; empty: none.
        public_url: the dashboard's address for people elsewhere (behind a proxy), without a path; empty: as above.
        sign_up: whether strangers may make themselves an account (false).
        rate_limit: how many requests are taken, as a multiple of the usual limits (1); 0: without limits.
        smtp_url: the mail server: ``smtp://user:password@host:587`` (STARTTLS), ``smtps://…:465`` or, unencrypted,
            ``smtp+plain://…:25``; empty: mails are kept and shown on the mail box page.
        mail_from: the sender of mails.
        spotify_client_id, spotify_client_secret: credentials for Spotify's Web API; empty: its public pages,
            which show no more than the first 100 tracks of a playlist.
        spotify_redirect_url: where Spotify sends a browser back to after a sign-in, as it is registered there; empty:
            /spotify/callback of the dashboard's address.
        spotify_market: country whose catalogue counts, two letters; empty: none in particular.
        spotify_api_url, spotify_accounts_url, spotify_embed_url: where Spotify is; empty: where it is.
    """

    var: Path = HOME / "var"
    database_url: str = ""
    store: str = ""
    models: str = ""
    weights_url: str = ""
    host: str = "127.0.0.1"
    port: int = 4000
    model: str = "htdemucs"
    postgres_user: str = ""
    upload_limit_mb: int = 1024
    lease_seconds: float = 15.0
    grace_seconds: float = 5.0
    drain_seconds: float = 10.0
    children_ready: int = 0
    keys: str = field(default="", repr=False)
    download_private: bool = False
    lalalai_key: str = field(default="", repr=False)
    lalalai_url: str = ""
    download_http: bool = False
    download_sites: bool = False
    spotdl_python: str = ""
    audio_providers: str = "youtube-music,youtube"
    audio_search_url: str = ""
    public_url: str = ""
    sign_up: bool = False
    rate_limit: float = 1.0
    smtp_url: str = field(default="", repr=False)
    mail_from: str = "Sound Forge Alchemy <sfa@localhost>"
    spotify_client_id: str = ""
    spotify_client_secret: str = field(default="", repr=False)
    spotify_redirect_url: str = ""
    spotify_market: str = ""
    spotify_api_url: str = ""
    spotify_accounts_url: str = ""
    spotify_embed_url: str = ""

    @property
    def store_address(self) -> str:
        """The store's folder or address, with the default filled in."""
        return self.store or str(self.var / "store")

    @property
    def models_folder(self) -> Path:
        """The folder of the models' weights, with the default filled in."""
        return Path(self.models).expanduser() if self.models else self.var / "models"

    @property
    def address(self) -> str:
        """The dashboard's address, as a person types it."""
        wild = self.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if wild else self.host
        return f"http://{host}:{self.port}"

    @property
    def link_address(self) -> str:
        """What links in mails begin with."""
        return self.public_url.rstrip("/") or self.address

    @classmethod
    def sources(cls, environ: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
        """Where each setting that is not the default comes from now: (``environment`` or ``file``, the text that stands there)."""
        env = os.environ if environ is None else environ
        var = Path(env.get("SFA_VAR") or HOME / "var").expanduser().resolve()
        found: dict[str, tuple[str, str]] = {}
        try:
            for name, value in tomllib.loads((var / "sfa.toml").read_text()).items():
                found[name] = ("file", str(value))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            pass
        for name in (each.name for each in fields(cls)):
            if value := env.get(f"SFA_{name.upper()}"):
                found[name] = ("environment", value)
        if url := env.get("DATABASE_URL"):
            found["database_url"] = ("environment", url)
        return found

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read environment and file; raise `ConfigError` naming the setting that is wrong."""
        env = os.environ if environ is None else environ
        given: dict[str, Any] = {}
        var = Path(env.get("SFA_VAR") or HOME / "var").expanduser().resolve()
        path = var / "sfa.toml"
        if path.is_file():
            try:
                given.update(tomllib.loads(path.read_text()))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"sfa.toml cannot be read: {error}") from error
        known = {field.name: field for field in fields(cls)}
        for name in known:
            if value := env.get(f"SFA_{name.upper()}"):
                given[name] = value
        if url := env.get("DATABASE_URL"):
            given["database_url"] = url
        given["var"] = var
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ConfigError(f"there is no setting {name!r} in sfa.toml{hint}")
        values: dict[str, Any] = {
            n: _typed(n, value, known[n].default) for n, value in given.items()
        }
        config = cls(**values)
        _check(config)
        return config


def _typed(name: str, value: object, default: object) -> object:
    try:
        match default:
            case Path():
                return Path(str(value))
            case bool():
                if str(value).lower() in ("1", "true", "yes", "on"):
                    return True
                if str(value).lower() in ("0", "false", "no", "off"):
                    return False
                raise ValueError("say true or false")
            case int():
                return int(str(value))
            case float():
                return float(str(value))
            case _:
                return str(value)
    except ValueError as error:
        raise ConfigError(f"setting {name!r} cannot be {value!r}: {error}") from error


def _check(config: Config) -> None:
    if bool(config.spotify_client_id) != bool(config.spotify_client_secret):
        raise ConfigError("settings 'spotify_client_id' and 'spotify_client_secret' go together")
    if config.smtp_url and not _is_address(config.smtp_url, ("smtp", "smtps", "smtp+plain")):
        raise ConfigError(
            "setting 'smtp_url' is no mail server's address, such as smtp://user:password@mail.example.org:587"
        )
    if config.public_url and not _is_address(config.public_url, ("http", "https")):
        raise ConfigError("setting 'public_url' is no address such as https://music.example.org")
    ranges: list[tuple[str, float, float]] = [
        ("port", 1, 65535),
        ("upload_limit_mb", 1, 1_000_000),
        ("lease_seconds", 3, 3600),
        ("grace_seconds", 0, 600),
        ("drain_seconds", 0, 86_400),
        ("children_ready", 0, 64),
        ("rate_limit", 0, 1000),
    ]
    for name, low, high in ranges:
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(
                f"setting {name!r} must lie between {low:g} and {high:g}, not {value:g}"
            )


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
