"""What an engine asks its database, whether SQLAlchemy hands it to the driver or the code does."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

Asked = list[tuple[str, tuple[Any, ...]]]


def note_queries(engine: AsyncEngine) -> Asked:
    """A list that grows with each query and its parameters. The driver's own are noted a moment later."""
    asked: Asked = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, tuple(parameters)))

    def note_driver(query: Any) -> None:
        # It does not tell of those of SQLAlchemy, which are prepared statements. BEGIN and its like are not meant, nor
        # what the driver itself asks of types that are new to it.
        if query.query.startswith(("SELECT", "WITH")) and "typeinfo" not in query.query:
            asked.append((query.query, tuple(query.args)))

    def connected(connection: Any, _record: Any) -> None:
        connection.driver_connection.add_query_logger(note_driver)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    event.listen(engine.sync_engine, "connect", connected)
    return asked
