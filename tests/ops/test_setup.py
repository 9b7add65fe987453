"""bin/setup: stamps, resumption and errors, on a small checkout with a stand-in for pip."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts alone, and a virtual environment whose python only writes down what it was asked."""
    home = tmp_path / "a checkout"
    (home / "bin").mkdir(parents=True)
    for name in ("setup", "sfa"):
        shutil.copy(ROOT / "bin" / name, home / "bin" / name)
    (home / "pyproject.toml").write_text("[project]\n")
    (home / "constraints.txt").write_text("torch==2.13.0\n")
    python = home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (home / ".venv" / "pyvenv.cfg").write_text("")
    python.write_text(
        '#!/bin/sh\necho "$@" >>"$(dirname "$0")/calls"\n'
        'case "$*" in *install*) [ ! -e "$(dirname "$0")/broken" ] || { echo "no route to index"; exit 1; } ;; esac\n'
    )
    python.chmod(0o755)
    return home


def setup(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SFA_")}
    return subprocess.run(
        [checkout / "bin" / "setup", *arguments],
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def calls(checkout: Path) -> list[str]:
    file = checkout / ".venv" / "bin" / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_the_second_run_does_nothing_and_takes_no_time(checkout: Path) -> None:
    first = setup(checkout, "-q")
    assert first.returncode == 0, first.stderr
    assert "✓ packages" in first.stderr
    before = calls(checkout)
    began = time.monotonic()
    second = setup(checkout, "-q")
    assert time.monotonic() - began < 1
    assert (second.returncode, second.stderr, second.stdout) == (0, "", "")
    assert calls(checkout) == before


def test_a_changed_lock_installs_again(checkout: Path) -> None:
    setup(checkout, "-q")
    before = len(calls(checkout))
    (checkout / "constraints.txt").write_text("torch==2.13.0\nnumpy==2.4.6\n")
    assert "✓ packages" in setup(checkout, "-q").stderr
    assert len(calls(checkout)) == before + 1


def test_a_failed_step_says_why_and_what_to_do_and_is_resumed(checkout: Path) -> None:
    broken = checkout / ".venv" / "bin" / "broken"
    broken.touch()
    failed = setup(checkout, "-q")
    assert failed.returncode == 1
    assert "| no route to index" in failed.stderr
    assert 'the step "packages" failed' in failed.stderr
    assert "it resumes" in failed.stderr
    broken.unlink()
    resumed = setup(checkout, "-q")
    assert resumed.returncode == 0
    assert "venv" not in resumed.stderr
    assert "✓ packages" in resumed.stderr


def test_torch_comes_from_its_own_index_if_one_is_named(checkout: Path) -> None:
    assert setup(checkout, "-q", SFA_TORCH_INDEX="file:///somewhere").returncode == 0
    torch, rest = [call for call in calls(checkout) if " install " in call]
    assert "--index-url file:///somewhere torch==2.13.0" in torch
    assert "-c constraints.txt -e .[dev]" in rest


def test_extras_are_installed_when_asked_for_and_kept(checkout: Path) -> None:
    assert setup(checkout, "-q").returncode == 0
    assert "-e .[dev]" in calls(checkout)[-1]
    assert setup(checkout, "-q", SFA_EXTRAS="fast").returncode == 0
    assert "-e .[dev,fast]" in calls(checkout)[-1]
    before = calls(checkout)
    assert setup(checkout, "-q").stderr == ""
    assert calls(checkout) == before
    assert setup(checkout, "-q", SFA_EXTRAS="").returncode == 0
    assert "-e .[dev]" in calls(checkout)[-1]
    assert setup(checkout, "-q", SFA_EXTRAS="fast; rm -rf /").returncode == 1


def test_the_front_end_is_built_when_its_sources_change(checkout: Path) -> None:
    build = checkout / "sfa" / "web" / "assets" / "build"
    build.parent.mkdir(parents=True)
    build.write_text("#!/bin/sh\necho built >>built\n")
    build.chmod(0o755)
    assert "✓ assets" in setup(checkout, "-q").stderr
    assert setup(checkout, "-q").stderr == ""
    (build.parent / "app.js").write_text("1")
    assert "✓ assets" in setup(checkout, "-q").stderr
    shutil.rmtree(checkout / "sfa" / "web" / "static")
    assert "✓ assets" in setup(checkout, "-q").stderr
    assert (checkout / "built").read_text() == "built\n" * 3


def test_without_spotdl_it_goes_on_and_tries_again_when_asked(checkout: Path) -> None:
    (checkout / "constraints-spotdl.txt").write_text("spotdl==4.6.0\n")
    first = setup(checkout, "-q")
    # There is no interpreter where the stand-in made none.
    assert first.returncode == 0, first.stderr
    assert "! spotdl: not installed" in first.stderr
    assert setup(checkout, "-q").stderr == ""
    theirs = checkout / ".venv" / "spotdl" / "bin" / "python"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("#!/bin/sh\n")
    theirs.chmod(0o755)
    again = setup(checkout)
    assert "✓ spotdl" in again.stderr
    assert any("--no-deps -r constraints-spotdl.txt" in call for call in calls(checkout))
    assert setup(checkout, "-q").stderr == ""
    (checkout / "constraints-spotdl.txt").write_text("spotdl==4.6.1\n")
    assert "✓ spotdl" in setup(checkout, "-q").stderr


@pytest.mark.parametrize(
    ("script", "advice"),
    [
        ("exit 1", "no Python 3.11 or newer"),
        ("case $* in *ensurepip*) exit 1;; esac", "python3-venv"),
    ],
)
def test_a_machine_without_a_usable_python(
    checkout: Path, tmp_path: Path, script: str, advice: str
) -> None:
    shutil.rmtree(checkout / ".venv")
    path = tmp_path / "path"
    path.mkdir()
    for tool in ("dirname", "readlink", "cat", "rm", "cksum", "cut", "grep"):
        found = shutil.which(tool)
        assert found
        (path / tool).symlink_to(found)
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python"):
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    failed = setup(checkout, PATH=str(path))
    assert failed.returncode == 1
    assert advice in failed.stderr


def test_a_folder_that_is_no_virtual_environment_is_left_alone(
    checkout: Path, tmp_path: Path
) -> None:
    other = tmp_path / "music"
    other.mkdir()
    (other / "song.wav").touch()
    failed = setup(checkout, SFA_VENV=str(other))
    assert failed.returncode == 1
    assert "is left alone" in failed.stderr
    assert (other / "song.wav").exists()


def test_sfa_becomes_python_with_the_checkout_first(checkout: Path) -> None:
    done = subprocess.run(
        [checkout / "bin" / "sfa", "status", "--json"],
        env={"PATH": os.environ["PATH"], "SFA_SUPERVISED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert calls(checkout) == ["-P -m sfa.cli status --json"]


def test_an_interruption_says_that_it_goes_on(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *install*) kill -TERM "$PPID" ;; esac\n')
    stopped = setup(checkout, "-q")
    assert stopped.returncode == 130
    assert "interrupted; run it again" in stopped.stderr
    assert not (checkout / ".venv" / ".sfa" / "packages").exists()
