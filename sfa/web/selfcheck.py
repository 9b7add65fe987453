"""Say in words what a separation's check of itself found: what the stems lack of the mix, clipping, silence, leakage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sfa.db import Row
from sfa.web.languages import gettext as _
from sfa.web.words import decibels

LEAKS_DB: Final = -10.0
"""From here on a stem holds enough of the others to be worth a look."""
LACKS_DB: Final = -60.0
"""What the stems lack of the mix can be heard from here on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence, and whether it is worth a look."""

    text: str
    warns: bool = False


def findings(stems: list[Row]) -> list[Finding]:
    """Everything that can be said of a set of stems; nothing of one that was not checked."""
    found = []
    residual = stems[0]["residual_db"] if stems else None
    if residual is not None:
        text = _("The mix minus its stems: %(level)s") % {"level": decibels(float(residual))}
        found.append(Finding(text, float(residual) > LACKS_DB))
    for stem in stems:
        checks, name = stem["checks"] or {}, stem["stem_type"]
        if checks.get("silent"):
            found.append(Finding(_("%(stem)s is silent") % {"stem": name}))
        if clipped := checks.get("clipped"):
            text = _("%(stem)s: %(count)s samples beyond full scale") % {
                "stem": name,
                "count": clipped,
            }
            # 32-bit float keeps them.
            found.append(Finding(text, stem["format"] != "wav"))
        leakage = checks.get("leakage_db")
        if leakage is not None and leakage > LEAKS_DB:
            text = _("%(stem)s sounds of the other stems: %(level)s") % {
                "stem": name,
                "level": decibels(leakage),
            }
            found.append(Finding(text, True))
    return found
