"""List the models, fetch the weights of one, verify all files, or add models of your own.

models list; models fetch [NAME]; models verify [NAME] (exit code 1 if a file is damaged); models add FOLDER [--only NAME]
takes in a folder in Demucs's repository format. Offline, fetch gives up within a second (--wait SECONDS on a slow line).
"""

import argparse
import asyncio
import difflib
import json
import sys
from pathlib import Path

from sfa import own_models, weights
from sfa.config import Config
from sfa.db import Database, Row
from sfa.errors import SfaError
from sfa.postgres import dsn

FALLBACK = "spectral"
KNOWN = (*weights.MODELS, FALLBACK)
# Seconds; with the program's own start the answer is there within two.
WITHIN = 1.5
REACHED = 0.7


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=("list", "fetch", "verify", "add"), default="list"
    )
    parser.add_argument("name", nargs="?", default="", help="the model, or the folder to add")
    parser.add_argument("--only", default="", metavar="NAME", help="add: this model alone")
    parser.add_argument(
        "--wait", type=float, default=REACHED, metavar="SECONDS",
        help=f"fetch: how long the server may take to answer (default {REACHED})",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.action == "fetch":
        return _fetch(config, args.name or config.model, args.wait)
    if args.action == "verify":
        return _verify(config, args.name)
    if args.action == "add":
        return asyncio.run(_add(config, args.name, args.only))
    models = asyncio.run(_models(config))
    listed = [{**model, "ready": ready(config, model["name"])} for model in models]
    if args.json:
        print(json.dumps({"models": listed, "default": config.model}))
        return 0
    for model in listed:
        here = "ready" if model["ready"] else "weights are fetched on first use"
        print(f"  {model['name']:<12} {model['description']} ({here})")
    return 0


def ready(config: Config, model: str) -> bool:
    """Whether a job with this model could start without fetching anything."""
    return model == FALLBACK or weights.available(model, config.models_folder)


def choose(config: Config, wanted: str) -> tuple[str, str]:
    """Choose the model of a run, within two seconds: what was asked for, else what can be had.

    Returns the model and one sentence if it is not the usual one; raises if what was asked for
    cannot be had.
    """
    model = wanted or config.model
    if ready(config, model):
        return model, ""
    if model not in weights.MODELS and (near := difflib.get_close_matches(model, KNOWN, n=1)):
        raise SfaError(f"there is no model {model!r}; did you mean {near[0]!r}?")
    problem = asyncio.run(weights.problem(model, config.weights_url, within=WITHIN))
    if not problem:
        return model, ""
    if wanted:
        raise SfaError(f"{problem}. Without weights there is --model {FALLBACK}, a quick preview")
    return FALLBACK, f"{problem}; using {FALLBACK}, a quick preview by classical signal processing"


def _verify(config: Config, name: str) -> int:
    if name and not weights.available(name, config.models_folder):
        raise SfaError(f"the weights of {name} are not here: bin/sfa models fetch {name}")
    found = weights.verify(config.models_folder, name)
    for file in found:
        say = {"unnamed": "its name holds no hash to hold it against"}.get(file.verdict)
        print(f"  {file.file:<32} {say or file.verdict}")
    damaged = [file.file for file in found if file.verdict == "damaged"]
    if damaged:
        print(f"Delete what is damaged ({', '.join(damaged)}) and fetch the model again.")
    elif not found:
        print("There are no weights here yet: bin/sfa models fetch NAME")
    return 1 if damaged else 0


async def _add(config: Config, folder: str, only: str) -> int:
    if not folder:
        raise SfaError("name the folder: bin/sfa models add FOLDER")
    found = await asyncio.to_thread(own_models.examine, Path(folder), only)
    database = Database(dsn(config), size=1)
    await database.open()
    try:
        for model in found:
            await asyncio.to_thread(own_models.copy, model, config.models_folder)
            async with database.session() as session:
                await session.run(
                    "model_add",
                    name=model.name,
                    stems=model.stems,
                    description=f"Your own: {', '.join(model.stems)}",
                    networks=model.networks,
                    apart=model.apart,
                    memory=model.memory,
                )
            print(f"  {model.name:<12} {', '.join(model.stems)} ({model.networks} network"
                  f"{'s' * (model.networks != 1)})")  # fmt: skip
    finally:
        await database.close()
    print(f"Use it: bin/sfa run FILE --model {found[0].name}")
    return 0


def _fetch(config: Config, model: str, wait: float) -> int:
    if ready(config, model):
        print(f"The weights of {model} are here.")
        return 0
    if model in weights.MODELS and not weights.reachable(wait, config.weights_url):
        raise SfaError(
            f"no answer from the server of {model}'s weights within {wait:g} s: try again online (on a slow line with "
            f"--wait 10), copy the files into {config.models_folder}, or use the model {FALLBACK}, which needs none"
        )
    live = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        if live and total:
            text = (
                f"  {model}  {100 * done / total:3.0f} %  {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            )
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    asyncio.run(weights.fetch(model, config.models_folder, show, config.weights_url))
    print(f"\n{model} is ready." if live else f"{model} is ready.")
    return 0


async def _models(config: Config) -> list[Row]:
    database = Database(dsn(config), size=1)
    await database.open()
    try:
        async with database.session() as session:
            # lalal.ai has no weights to keep.
            return [row for row in await session.all("model_list") if row["engine"] != "lalalai"]
    finally:
        await database.close()
