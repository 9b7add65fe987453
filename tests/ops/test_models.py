"""`bin/sfa models`: what is damaged is found, one's own models are taken in, offline is known at once."""

import argparse
import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sfa import own_models, weights
from sfa.commands import models as command
from sfa.config import Config
from sfa.errors import InputError, SfaError
from tests.children import models


def run(config: Config, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.main(config, parser.parse_args(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three models: a bag of two, a bag with a network a stem, and a file that no bag names."""
    folder = tmp_path / "mine"
    folder.mkdir()
    models.bag(folder, "pair", [models.htdemucs(1), models.hdemucs(2)], segment=2)
    eye = [[float(i == j) for j in range(4)] for i in range(4)]
    models.bag(folder, "apart", [models.htdemucs(n) for n in range(4)], weights=eye)
    models.save(folder, "lone", models.htdemucs(5, ["kick", "snare"]))
    return folder


def test_a_folder_of_ones_own_becomes_models(
    config: Config, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "add", str(folder)) == 0
    with psycopg.connect(config.database_url) as db:
        rows = db.execute(
            "SELECT name, engine, stems, networks, apart FROM models WHERE description LIKE 'Your own%' ORDER BY name"
        ).fetchall()
    four = ["drums", "bass", "other", "vocals"]
    assert rows == [
        ("apart", "demucs", four, 4, True),
        ("lone", "demucs", ["kick", "snare"], 1, False),
        ("pair", "demucs", four, 2, False),
    ]
    assert all(weights.available(name, config.models_folder) for name in ("apart", "lone", "pair"))
    assert command.ready(config, "lone")
    assert "bin/sfa run FILE --model apart" in capsys.readouterr().out
    assert not list(config.models_folder.glob(".*"))
    # Once more changes nothing; and all is well.
    assert run(config, "add", str(folder), "--only", "pair") == 0
    assert run(config, "verify") == 0
    assert run(config, "verify", "pair") == 0
    victim = next(config.models_folder.glob("pair0-*.th"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    assert run(config, "verify") == 1
    assert run(config, "verify", "lone") == 0
    said = capsys.readouterr().out
    assert victim.name in said
    assert "damaged" in said


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/sfa-was-here"),))


def test_what_cannot_be_a_model_is_refused_before_anything_is_copied(
    config: Config, folder: Path, tmp_path: Path
) -> None:
    for name, spoil, words in (
        ("damaged", lambda at: next(at.glob("pair0-*")).write_bytes(b"x"), "its hash is not"),
        ("taken", lambda at: (at / "pair.yaml").rename(at / "htdemucs.yaml"), "released model"),
        ("shout", lambda at: (at / "pair.yaml").rename(at / "Pair.yaml"), "lower-case"),
        ("empty", lambda at: [path.unlink() for path in at.iterdir()], "holds no models"),
    ):
        copied = tmp_path / name
        copied.mkdir()
        for path in folder.glob("pair*"):
            (copied / path.name).write_bytes(path.read_bytes())
        spoil(copied)
        with pytest.raises(InputError, match=words):
            run(config, "add", str(copied))
    with pytest.raises(InputError, match="there is no folder"):
        run(config, "add", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="not 'kazoo'"):
        run(config, "add", str(folder), "--only", "kazoo")
    assert not config.models_folder.exists()


def test_a_pickle_that_runs_code_is_refused_by_the_child(config: Config, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "evil"
    folder.mkdir()
    torch.save({"klass": Evil()}, folder / "evil.th")
    with pytest.raises(InputError, match="not a safe Demucs model"):
        run(config, "add", str(folder))
    assert not Path("/tmp/sfa-was-here").exists()
    assert not config.models_folder.exists()


def test_a_stem_that_no_table_takes_is_refused(folder: Path) -> None:
    def loader(_name: str, _folder: Path) -> dict[str, Any]:
        return {"sources": ["Lead Vox"], "networks": 1, "apart": False, "memory_bytes": 1}

    with pytest.raises(InputError, match="'Lead Vox'"):
        own_models.examine(folder, "lone", loader)


def test_offline_says_what_to_do_within_a_second(config: Config, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        offline = Config(var=tmp_path / "var", database_url=config.database_url, weights_url=base)
        began = time.monotonic()
        with pytest.raises(SfaError, match="use the model spectral") as told:
            run(offline, "fetch", "htdemucs")
        # Its own limit, with room for a busy machine.
        assert time.monotonic() - began < command.REACHED + 3
    assert "--wait" in str(told.value)
    with pytest.raises(SfaError, match="models fetch htdemucs"):
        run(offline, "verify", "htdemucs")


async def test_a_definition_appears_after_its_files(folder: Path, tmp_path: Path) -> None:
    """Whoever looks at any moment sees no bag without its members."""
    (model,) = await asyncio.to_thread(own_models.examine, folder, "pair", lambda *_: {
        "sources": ["drums"], "networks": 2, "apart": False, "memory_bytes": 1,
    })  # fmt: skip
    assert [file.suffix for file in model.files] == [".yaml", ".th", ".th"]
    own_models.copy(model, tmp_path / "target")
    order = sorted((tmp_path / "target").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert order[-1].name == "pair.yaml"
