"""The built front end: a server that runs on while its checkout is brought up to date shows whole pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sfa.web.render import HERE, Renderer

BUILD = HERE / "assets"
MONTH = 31 * 24 * 3600


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The front end's sources, to be changed."""
    for name in ("css", "js"):
        shutil.copytree(BUILD / name, tmp_path / "assets" / name)
    for path in BUILD.iterdir():
        if path.is_file():
            shutil.copy2(path, tmp_path / "assets")
    (tmp_path / "assets" / "node_modules").symlink_to(BUILD / "node_modules")
    shutil.copytree(HERE / "templates", tmp_path / "templates")
    return tmp_path


def test_what_a_running_server_names_stays_for_a_month(checkout: Path) -> None:
    first = build(checkout)
    change(checkout, "first")
    second = build(checkout)
    assert first["app.js"] != second["app.js"]
    old = checkout / "static" / "dist" / first["app.js"]
    assert old.exists()
    # Long built, but only now superseded: the server that names it may have run all the time.
    replaced = checkout / "static" / "dist" / second["app.js"]
    back_date(replaced)
    change(checkout, "second")
    build(checkout)
    assert replaced.exists()
    back_date(old)
    build(checkout)
    assert not old.exists()
    assert replaced.exists()


def test_a_renderer_stays_as_it_was_at_its_start(checkout: Path) -> None:
    dist, templates = checkout / "static" / "dist", checkout / "templates"
    dist.mkdir(parents=True)
    write(dist / "manifest.json", {"app.js": "app-1.js"})
    write(dist / "icons.json", {"bolt": "<path/>"})
    (templates / "page.html").write_text("{{ asset('app.js') }} {{ icon('bolt') }}")
    running = Renderer(dist, templates)
    write(dist / "manifest.json", {"app.js": "app-2.js"})
    write(dist / "icons.json", {"flag": "<path/>"})
    (templates / "page.html").write_text("{{ asset('app.js') }} {{ icon('flag') }}")
    assert "app-1.js" in running("page.html")
    assert "app-2.js" in Renderer(dist, templates)("page.html")


def build(checkout: Path) -> dict[str, str]:
    """Build, and return the manifest."""
    venv = os.environ.get("SFA_VENV", sys.prefix)
    subprocess.run(
        [checkout / "assets" / "build"],
        env=os.environ | {"SFA_VENV": venv},
        check=True,
        capture_output=True,
    )
    manifest: dict[str, str] = json.loads(
        (checkout / "static" / "dist" / "manifest.json").read_text()
    )
    return manifest


def change(checkout: Path, text: str) -> None:
    with (checkout / "assets" / "js" / "app.js").open("a") as file:
        file.write(f"\nwindow.changed = {text!r};\n")


def back_date(path: Path) -> None:
    then = time.time() - MONTH
    os.utime(path, (then, then))


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
