"""The pages that a stream can be had of, by the name in its address."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from sfa.web.addresses import identity, job_of, track_of
from sfa.web.failures import Forbidden, Missing
from sfa.web.pages import users as people
from sfa.web.pages.account import Account
from sfa.web.pages.batches import Batch, Batches, Part
from sfa.web.pages.health import Health
from sfa.web.pages.home import Home
from sfa.web.pages.imports import Import, Imports, Shown
from sfa.web.pages.job import Job
from sfa.web.pages.jobs import Filter, Jobs
from sfa.web.pages.models import Models
from sfa.web.pages.news import News
from sfa.web.pages.page import Page
from sfa.web.pages.ports import Ports
from sfa.web.pages.queues import Queues
from sfa.web.pages.schedule import Schedule
from sfa.web.pages.storage import Storage
from sfa.web.pages.track import Track
from sfa.web.pages.tracks import Tracks, Wanted
from sfa.web.services import is_admin, services, user


def _job(request: Request) -> Page:
    track = request.query_params.get("track")
    job = identity(request.query_params.get("job", ""))
    return Job(user(request).id, job, identity(track) if track else None)


def _models(request: Request) -> Page:
    at = services(request)
    return Models(is_admin(request), at.config, at.model_work)


def _ports(request: Request) -> Page:
    host = request.query_params.get("host", "")[:255]
    return Ports(user(request).id, host if is_admin(request) else "")


def _tracks(request: Request) -> Page:
    return Tracks(user(request).id, Wanted.asked(request.query_params))


def _users(request: Request) -> Page:
    if not is_admin(request):
        raise Forbidden
    return people.Users(user(request).id, people.Wanted.asked(request.query_params))


def _user(request: Request) -> Page:
    if not is_admin(request):
        raise Forbidden
    me = user(request)
    return people.Account(me.id, request.query_params.get("user", ""), me.session)


def _batch(request: Request) -> Page:
    query = request.query_params
    return Batch(user(request).id, identity(query.get("batch", "")), Part.asked(query))


PAGES: dict[str, Callable[[Request], Page]] = {
    "home": lambda request: Home(user(request).id),
    "tracks": _tracks,
    "track": lambda request: Track(user(request).id, track_of(request), job_of(request)),
    "jobs": lambda request: Jobs(user(request).id, Filter.asked(request.query_params)),
    "job": _job,
    "batches": lambda request: Batches(user(request).id, request.query_params.get("before", "")),
    "batch": _batch,
    "users": _users,
    "user": _user,
    "news": lambda request: News(user(request).id),
    "models": _models,
    "ports": _ports,
    "schedule": lambda request: Schedule(user(request).id, is_admin(request)),
    "storage": Storage.asked,
    "imports": lambda request: Imports(user(request).id, request.query_params.get("before", "")),
    "import": lambda request: Import(user(request).id, Shown.asked(request)),
    "account": lambda request: Account(user(request)),
    "health": lambda request: Health(is_admin(request), services(request).config),
    "queues": lambda request: Queues(is_admin(request), user(request).id),
}


def watched(request: Request) -> Page:
    """The page that a stream's address names."""
    make = PAGES.get(request.query_params.get("page", ""))
    if make is None:
        raise Missing
    return make(request)
