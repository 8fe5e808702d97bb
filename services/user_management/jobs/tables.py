"""Tables of the ledger: `jobs`, `job_counters`, `idempotency_keys`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.user_management.metadata import ID, INSTANT, metadata

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="queued"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("cost", Integer, nullable=False, server_default="1"),
    Column("model", Text, nullable=False, server_default=""),
    Column("request", JSONB, nullable=False),
    Column("reserved_ms", BigInteger, nullable=False, server_default="0"),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("stage", Text, nullable=False, server_default=""),
    Column("eta_seconds", Double, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("runs", Integer, nullable=False, server_default="0"),
    Column("fencing_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_id", ID),
    Column("lease_worker", Text, nullable=False, server_default=""),
    Column("lease_expires_at", INSTANT),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("error_code", Text, nullable=False, server_default=""),
    Column("error_message", Text, nullable=False, server_default=""),
    # Which fields of the request are to blame: `[{"pointer", "detail"}]`.
    Column("error_violations", JSONB, nullable=False, server_default=text("'[]'")),
    Column("result", JSONB(none_as_null=True)),
    Column("metrics", JSONB(none_as_null=True)),
    Column("track_ids", ARRAY(ID), nullable=False, server_default=text("'{}'")),
    Column("overtaken", Integer, nullable=False, server_default="0"),
    Column("promised_to", Text, nullable=False, server_default=""),
    Column("promised_until", INSTANT),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("queued_at", INSTANT, nullable=False, server_default=func.now()),
    Column("started_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("cleanup_due_at", INSTANT),
    # What the job is expected to take in storage, then what it took, then what of it is left.
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    # Who hears of its end; empty: nobody.
    Column("webhook_url", Text, nullable=False, server_default=""),
    CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
    CheckConstraint("(status = 'running') = (lease_expires_at IS NOT NULL)", name="lease"),
    CheckConstraint("(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="finished"),
    CheckConstraint("cost >= 1", name="cost"),
    CheckConstraint("priority BETWEEN -10 AND 10", name="priority"),
    Index(None, "owner_id", "id"),
)
_queued = jobs.c.status == "queued"
# ClaimNext: each owner's first queued jobs, in order.
Index(
    "jobs_next_of_owner_idx",
    jobs.c.queue,
    jobs.c.owner_id,
    jobs.c.priority.desc(),
    jobs.c.id,
    postgresql_where=_queued,
)
# ClaimNext of a busy worker: jobs that it could only run when it runs less, or nothing.
Index(
    "jobs_hard_to_place_idx",
    jobs.c.queue,
    jobs.c.queued_at,
    postgresql_where=_queued & ((jobs.c.crashes > 0) | (jobs.c.cost > 1)),
)
# The reaper, and the report of a worker's death.
Index("jobs_leases_idx", jobs.c.lease_expires_at, postgresql_where=jobs.c.status == "running")
# How long jobs took lately.
Index("jobs_recent_idx", jobs.c.queue, jobs.c.finished_at.desc(), postgresql_where=jobs.c.status == "succeeded")
# Objects that no track refers to.
Index("jobs_cleanup_idx", jobs.c.cleanup_due_at, postgresql_where=jobs.c.cleanup_due_at.is_not(None))

# What one owner's jobs take in storage.
Index(
    "jobs_stored_idx",
    jobs.c.owner_id,
    postgresql_include=["stored_bytes"],
    postgresql_where=jobs.c.stored_bytes > 0,
)

# Kept in the transaction of every transition, so that a claim needs neither counting nor grouping.
job_counters: Final = Table(
    "job_counters",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("running", Integer, nullable=False, server_default="0"),
    Column("served_at", INSTANT),
    Column("waiting_since", INSTANT, nullable=False, server_default=func.now()),
    CheckConstraint("queued >= 0", name="queued"),
    CheckConstraint("running >= 0", name="running"),
)
# Owners in the order of fairness.
Index(
    "job_counters_fair_idx",
    job_counters.c.queue,
    job_counters.c.running,
    job_counters.c.served_at.asc().nulls_first(),
    job_counters.c.waiting_since,
    postgresql_where=job_counters.c.queued > 0,
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("job_id", ID, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Index(None, "expires_at"),
)
