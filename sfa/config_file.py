"""Change one setting in ``sfa.toml``, keeping what else stands there: comments, order, other settings.

The change is tried first: a value that `Config` would not take raises `ConfigError` and nothing is written. The new file takes
the old one's place in one step, so that whoever reads it meanwhile sees one or the other.
Limit: the setting stands on one line, as ``name = value``; a file in which it does not is left to a person.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from sfa.config import HOME, Config
from sfa.errors import InputError


def change(name: str, text: str | None, environ: Mapping[str, str] | None = None) -> None:
    """Set a setting to what a person typed, or (None) take it out, so that its default counts again.

    `ConfigError`: no such value. `InputError`: the file cannot be changed here.
    """
    env = os.environ if environ is None else environ
    var = Path(env.get("SFA_VAR") or HOME / "var").expanduser().resolve()
    path = var / "sfa.toml"
    try:
        before = path.read_text() if path.exists() else ""
    except OSError as error:
        raise InputError(f"sfa.toml cannot be read: {error.strerror}") from error
    after = _edited(before, name, text)
    _try(before, after, name, env)
    try:
        _replace(path, after)
    except OSError as error:
        raise InputError(
            f"the dashboard may not write sfa.toml ({error.strerror}): change it by hand"
        ) from error


def _edited(before: str, name: str, text: str | None) -> str:
    line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=.*(?:\n|$)", re.MULTILINE)
    new = "" if text is None else f"{name} = {_literal(name, text)}\n"
    if line.search(before):
        return line.sub(lambda _: new, before, count=1)
    return before + ("" if not before or before.endswith("\n") else "\n") + new


def _literal(name: str, text: str) -> str:
    default = {each.name: each.default for each in fields(Config)}[name]
    plain = text.strip()
    if isinstance(default, bool) and plain.lower() in ("true", "false"):
        return plain.lower()
    if isinstance(default, int | float) and re.fullmatch(r"-?\d+(\.\d+)?", plain):
        return plain
    # JSON's strings are TOML's, but for DEL.
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def _try(before: str, after: str, name: str, env: Mapping[str, str]) -> None:
    """Read the new file as the next start would; nothing but the one setting may have changed."""
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "sfa.toml is written in a way that cannot be changed here: change it by hand"
        ) from error
    if {**old, name: 0} != {**new, name: 0}:
        raise InputError(
            "sfa.toml is written in a way that cannot be changed here: change it by hand"
        )
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "sfa.toml").write_text(after)
        Config.load({**env, "SFA_VAR": place})


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".sfa.toml-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(made).chmod(mode)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
