"""Collect every text of the dashboard, and bring the catalogues up to date: `python -m tests.web.catalogue` from the checkout.

Texts stand in templates and Python as `_("…")`, `ngettext("…", "…", n)` and `mark("…")`, what can't be used as `Unusable("…")`, in scripts as `t("…")`. A text that
has gone leaves the catalogue; a new one comes without a translation, which a test then asks for.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parents[2] / "sfa" / "web"
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
    "Unusable": None,
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


def collected() -> Catalog:
    """Every text, with the files it stands in."""
    catalog = Catalog(project="Sound Forge Alchemy", charset="utf-8")
    for file, text in texts():
        if text and text not in ("", ("", "")):
            catalog.add(text, locations=[(file, 0)])
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
