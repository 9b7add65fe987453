"""Turn a template and values into HTML; find the built assets and icons.

Everything is escaped (autoescape), an unknown name is an error (StrictUndefined). Templates, icons and the manifest
that ``sfa/web/assets/build`` leaves are read once: a server that runs on while its checkout is brought up to date stays
of one piece. The files that the manifest names carry a hash, and the build keeps superseded ones for a month.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from sfa.errors import SfaError
from sfa.web.languages import current, gettext, ngettext, words_version
from sfa.web.words import FILTERS

HERE = Path(__file__).parent
DIST = HERE / "static" / "dist"
TEMPLATES = HERE / "templates"


class AssetsMissing(SfaError):
    """The dashboard's assets are not built. Run bin/setup (or sfa/web/assets/build)."""


class Renderer:
    """The templates with their filters, the assets and the icons."""

    def __init__(self, dist: Path = DIST, templates: Path = TEMPLATES) -> None:
        try:
            self._manifest: dict[str, str] = json.loads((dist / "manifest.json").read_text())
            self._icons: dict[str, str] = json.loads((dist / "icons.json").read_text())
        except FileNotFoundError as error:
            raise AssetsMissing from error
        self.environment = Environment(
            loader=DictLoader(_sources(templates)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self.environment.install_gettext_callables(  # type: ignore[attr-defined]
            gettext, ngettext, newstyle=True
        )
        self.environment.filters.update(FILTERS)
        self.environment.globals.update(
            asset=self.asset, icon=self.icon, language=current.get, words_version=words_version
        )

    def asset(self, name: str) -> str:
        """The address of a built file."""
        return f"/static/dist/{self._manifest[name]}"

    def icon(self, name: str, label: str = "") -> Markup:
        """A heroicon, drawn inline; with a label it speaks, without one it is decoration."""
        spoken = (
            Markup('role="img" aria-label="{}"').format(label) if label else 'aria-hidden="true"'
        )
        # The drawings are the package's own files, taken over at build time.
        body = Markup(self._icons[name])  # noqa: S704
        return Markup(
            '<svg class="icon" viewBox="0 0 20 20" fill="currentColor" {}>{}</svg>'
        ).format(
            Markup(spoken),  # noqa: S704
            body,
        )

    def __call__(self, template: str, /, **values: Any) -> str:
        """The template, filled in."""
        return self.environment.get_template(template).render(values)


def _sources(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.html")}
