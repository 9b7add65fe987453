"""Name what can go wrong, one class each; the docstring is the message where nothing more is known."""

from __future__ import annotations


class SfaError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(SfaError):
    """The configuration is not usable."""


class DatabaseUnavailable(SfaError):
    """The database does not answer. Start it with `bin/sfa up`, or check DATABASE_URL."""


class Refused(SfaError):
    """The database refused the row.

    ``constraint`` is the name of the rule, ``hint`` what to do, where the rule says so.
    """

    def __init__(
        self, message: str, constraint: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.constraint = constraint
        self.hint = hint


class StaleLease(SfaError):
    """This attempt no longer holds its job: nothing was written."""


class InputError(SfaError):
    """What was given cannot be used; trying again would not help."""


class Later(SfaError):
    """The job is put off for ``seconds`` and gives up its slot; it uses up no attempt.

    ``message`` says who asked for patience; empty: it just waits for its next step.
    """

    def __init__(self, message: str, seconds: float) -> None:
        SfaError.__init__(self, message)
        # Not the docstring, where there is nothing to complain of.
        self.args = (message,)
        self.seconds = seconds


class StoreError(SfaError):
    """The object store cannot do this."""


class ObjectMissing(StoreError):
    """There is no such object in the store."""
