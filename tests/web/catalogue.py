"""Collect every text of the dashboard, and bring the catalogues up to date: `python -m tests.web.catalogue` from the checkout.

Texts stand in templates and Python as `_("…")`, `ngettext("…", "…", n)` and `mark("…")`, in scripts as `t("…")`. What is raised or
stored with its values filled in is collected as templates, from the whole of Python and SQL (`told_python`, `told_sql`). A text
that has gone leaves the catalogue; a new one comes without a translation, which a test then asks for.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from sfa.told import SYSTEM
from tests.web.told_python import docstrings, python_texts
from tests.web.told_sql import sql_texts

ROOT = Path(__file__).parents[2]
WEB = ROOT / "sfa" / "web"
APART = (
    # Spoken in a terminal, or to who writes tests and ports.
    "sfa/chaos", "sfa/commands", "sfa/cli.py", "sfa/postgres", "sfa/supervisord.py", "sfa/config.py", "sfa/demo.py", "sfa/intake.py",
    "sfa/arrival.py", "sfa/migrations.py", "sfa/terminal.py", "sfa/checkup.py", "sfa/follow.py", "sfa/own_models.py", "sfa/readiness.py",
    "sfa/web/server.py", "sfa/ports/conformance.py", "sfa/ports/talk.py", "sfa/ports/protocol.py", "sfa/features.py", "sfa/stem_features.py",
    # What the API says of itself.
    "sfa/web/api/operations.py", "sfa/web/api/openapi.py", "sfa/web/api/schemas.py",
)  # fmt: skip
"""Files whose texts reach no page: they stay English."""
METHODS = [
    ("templates/**.html", "jinja2"),
    ("assets/js/**.js", "javascript"),
    ("**.py", "python"),
]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "mark": None,
    "t": None,
}


def texts() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Each text with the file that it stands in."""
    found = extract_from_dir(
        WEB,
        method_map=METHODS,
        options_map={"templates/**.html": {"trim_blocks": "true", "newstyle_gettext": "true"}},
        keywords=KEYWORDS,
        directory_filter=lambda path: Path(path).name not in ("node_modules", "static", "locale"),
    )
    for file, _line, text, _comments, _context in found:
        yield str(file), text


def sources() -> list[Path]:
    """The Python files whose texts people read on pages and in mails."""
    files = sorted((ROOT / "sfa").rglob("*.py"))
    return [path for path in files if not str(path.relative_to(ROOT)).startswith(APART)]


def stored() -> dict[str, set[str]]:
    """Each text that is raised or stored, as a template, with the files it stands in."""
    found: dict[str, set[str]] = {text: {"sfa/told.py"} for text in SYSTEM}
    for each in (python_texts(sources())[0], docstrings(sources()), sql_texts()):
        for text, files in each.items():
            found.setdefault(text, set()).update(files)
    return found


def collected() -> Catalog:
    """Every text, with the files it stands in."""
    catalog = Catalog(project="Sound Forge Alchemy", charset="utf-8")
    for file, text in texts():
        if text and text not in ("", ("", "")):
            catalog.add(text, locations=[(file, 0)])
    for text, files in stored().items():
        catalog.add(text, locations=[(file.removeprefix("sfa/web/"), 0) for file in sorted(files)])
    return catalog


def main() -> None:
    """Bring each catalogue up to date."""
    for path in sorted((WEB / "locale").glob("*.po")):
        with path.open("rb") as file:
            old = read_po(file, locale=path.stem)
        old.update(collected(), no_fuzzy_matching=True)
        with path.open("wb") as file:
            write_po(file, old, width=120, sort_output=True, ignore_obsolete=True, include_lineno=False)  # fmt: skip
        missing = [message.id for message in old if message.id and not message.string]
        print(f"{path.name}: {len(old)} texts, {len(missing)} without a translation")


if __name__ == "__main__":
    main()
