"""What a separation found when it checked itself, in words on the track's page."""

import json

from starlette.testclient import TestClient

from sfa.web.selfcheck import findings
from tests.web.rows import World


def stem(
    name: str, residual: str | None = "-140.5", form: str = "wav", **checks: object
) -> dict[str, object]:
    return {"stem_type": name, "checks": checks, "residual_db": residual, "format": form}


def test_what_is_well_is_said_and_does_not_warn() -> None:
    found = findings([stem("drums", leakage_db=-20.0, clipped=0, silent=False), stem("bass")])
    assert [(one.text, one.warns) for one in found] == [
        ("The mix minus its stems: −140.5 dB", False)
    ]
    assert findings([]) == []
    assert findings([stem("drums", None)]) == []


def test_what_is_worth_a_look_warns() -> None:
    found = findings(
        [
            stem("drums", "-30", clipped=12),
            stem("bass", "-30", "flac", clipped=3),
            stem("vocals", "-30", leakage_db=-4.2),
            stem("other", "-30", silent=True, leakage_db=None),
        ]
    )
    assert [(one.text, one.warns) for one in found] == [
        ("The mix minus its stems: −30.0 dB", True),
        ("drums: 12 samples beyond full scale", False),
        ("bass: 3 samples beyond full scale", True),
        ("vocals sounds of the other stems: −4.2 dB", True),
        ("other is silent", False),
    ]


def test_the_page_shows_it(owner: TestClient, world: World) -> None:
    track = world.done_track()
    assert "Self-check" not in owner.get(f"/tracks/{track}").text
    world.connection.execute(
        "UPDATE processing_jobs SET result = %s", [json.dumps({"residual_db": -141.25})]
    )
    page = owner.get(f"/tracks/{track}").text
    assert "The mix minus its stems: −141.2 dB" in page
    assert "all well" in page
    world.connection.execute(
        "UPDATE stems SET checks = %s WHERE stem_type = 'bass'", [json.dumps({"leakage_db": -3})]
    )
    page = owner.get(f"/tracks/{track}").text
    assert "bass sounds of the other stems: −3.0 dB" in page
    assert "1 worth a look" in page
