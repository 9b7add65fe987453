"""The addresses of accounts and of the installation's health: the ways in and out, and who watches."""

from __future__ import annotations

from starlette.routing import Route

from sfa.web.routes.account import (
    account,
    account_password,
    account_session_end,
    account_sessions_end,
)
from sfa.web.routes.account_cloud import account_cloud
from sfa.web.routes.account_tokens import account_token_make, account_token_revoke
from sfa.web.routes.audit import audit_list
from sfa.web.routes.health import health, live
from sfa.web.routes.mailbox import mailbox
from sfa.web.routes.metrics import metrics
from sfa.web.routes.sign_in import sign_in, sign_in_link, sign_in_password, sign_out
from sfa.web.routes.sign_up import sign_in_mail, sign_up
from sfa.web.routes.user import user_show, user_steer
from sfa.web.routes.users import user_invite, users


def door_routes() -> list[Route]:
    """All of them."""
    return [
        Route("/health", health),
        Route("/health/live", live),
        Route("/metrics", metrics),
        Route("/sign-in", sign_in),
        Route("/sign-in", sign_in_password, methods=["POST"]),
        Route("/sign-in/link", sign_in_mail, methods=["POST"]),
        Route("/sign-in/{token}", sign_in_link, methods=["GET", "POST"]),
        Route("/sign-up", sign_up, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/account", account),
        Route("/account/password", account_password, methods=["POST"]),
        Route("/account/sessions", account_sessions_end, methods=["POST"]),
        Route("/account/sessions/{id}", account_session_end, methods=["POST"]),
        Route("/account/cloud", account_cloud, methods=["POST"]),
        Route("/account/tokens", account_token_make, methods=["POST"]),
        Route("/account/tokens/{id}", account_token_revoke, methods=["POST"]),
        Route("/users", users),
        Route("/users", user_invite, methods=["POST"]),
        Route("/users/{id}", user_show),
        Route("/users/{id}", user_steer, methods=["POST"]),
        Route("/audit", audit_list),
        Route("/mailbox", mailbox),
    ]
