"""The embedded PostgreSQL: programs from a wheel, data under var/, one unix socket."""

from sfa.config import Config
from sfa.postgres.cluster import Cluster


def embedded_dsn(config: Config) -> str:
    """Return the libpq address of the installation's own server, running or not."""
    return Cluster.of(config.var, config.postgres_user).dsn


def dsn(config: Config) -> str:
    """Return the libpq address of the database in use: DATABASE_URL, else the embedded server."""
    return config.database_url or embedded_dsn(config)
