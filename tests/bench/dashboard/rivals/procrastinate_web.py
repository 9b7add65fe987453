"""Procrastinate's pages in Django's admin: its only ones. A list a hundred long, with a count of everything that it could show.

Its events, which it would write itself, are not there: a job's page has none to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import django
import httpx
from asked import USER, Dashboard, main
from django.conf import settings

APPS = ["admin", "auth", "contenttypes", "sessions", "messages"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PROCESSORS = ["request", "auth.context_processors.auth", "messages.context_processors.messages"]


class Procrastinate(Dashboard):
    """As a project with nothing else in it serves it."""

    def __init__(self, sockets: str, database: str) -> None:
        super().__init__(sockets, database)
        processors = [f"django.contrib.{name}" for name in PROCESSORS[1:]]
        settings.configure(
            SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE, USE_TZ=True,
            INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), "procrastinate.contrib.django"],
            DATABASES={"default": {
                "ENGINE": "django.db.backends.postgresql", "HOST": sockets, "USER": USER, "NAME": database,
            }},
            TEMPLATES=[{
                "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request", *processors]},
            }],
        )  # fmt: skip
        django.setup()

    async def prepare(self) -> None:
        from django.core.management import call_command

        await asyncio.to_thread(call_command, "migrate", verbosity=0)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        from django.core.asgi import get_asgi_application

        yield get_asgi_application()

    async def pages(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        name, value, failed = await asyncio.to_thread(_signed_in)
        client.cookies[name] = value
        jobs = "/admin/procrastinate/procrastinatejob/"
        return {
            "home": "/admin/", "jobs all": jobs, "jobs waiting": f"{jobs}?status__exact=todo",
            "jobs failed": f"{jobs}?status__exact=failed", "jobs completed": f"{jobs}?status__exact=succeeded",
            "jobs a rare kind": f"{jobs}?task_name=export", "jobs an empty kind": f"{jobs}?task_name=import",
            "job": f"{jobs}{failed}/change/",
        }  # fmt: skip


def _signed_in() -> tuple[str, str, int]:
    """A session's cookie, and a job that failed."""
    from django.contrib.auth import get_user_model
    from django.test import Client
    from procrastinate.contrib.django.models import ProcrastinateJob

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    failed = ProcrastinateJob.objects.filter(status="failed").values_list("id", flat=True)[0]
    return cookie.key, cookie.value, failed


def _urls() -> list[Any]:
    from django.contrib import admin
    from django.urls import path

    return [path("admin/", admin.site.urls)]


def __getattr__(name: str) -> Any:
    # This module is the project's addresses too, and these can't be had before Django is set up.
    if name == "urlpatterns":
        return _urls()
    raise AttributeError(name)


if __name__ == "__main__":
    main(Procrastinate)
