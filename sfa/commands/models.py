"""List the models and whether their weights are here, or fetch the weights of one: `models fetch NAME`."""

import argparse
import asyncio
import difflib
import json
import sys

from sfa import weights
from sfa.config import Config
from sfa.db import Database, Row
from sfa.errors import SfaError
from sfa.postgres import dsn

FALLBACK = "spectral"
KNOWN = (*weights.MODELS, FALLBACK)
# Seconds; with the program's own start the answer is there within two.
WITHIN = 1.5


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "fetch"), default="list")
    parser.add_argument("name", nargs="?", default="", help="the model to fetch")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(config: Config, args: argparse.Namespace) -> int:
    if args.action == "fetch":
        return _fetch(config, args.name or config.model)
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


def _fetch(config: Config, model: str) -> int:
    if ready(config, model):
        print(f"The weights of {model} are here.")
        return 0
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
            return await session.all("model_list")
    finally:
        await database.close()
