"""The schema of the file of experiments, as numbered migrations. Add one; never edit one that has been released."""

from __future__ import annotations

from rag.catalog import Migrations

MIGRATIONS: Migrations = (
    (  # 1: question sets, studies, their runs, what these made of each question; champions; what MLflow is to be told
        # A set's rows lie apart: lists of sets do not read them, and two names of one version have them once.
        "CREATE TABLE question_rows (version TEXT PRIMARY KEY, rows TEXT NOT NULL)",
        """CREATE TABLE question_sets (
            number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,
            version TEXT NOT NULL REFERENCES question_rows (version), questions INTEGER NOT NULL,
            created_at TEXT NOT NULL, mlflow_id TEXT NOT NULL DEFAULT '', UNIQUE (name, version))""",
        """CREATE TABLE studies (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
            collection TEXT NOT NULL, set_name TEXT NOT NULL, set_version TEXT NOT NULL, data_version TEXT NOT NULL,
            state TEXT NOT NULL, created_at TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
            reason TEXT NOT NULL, code_version TEXT NOT NULL, environment TEXT NOT NULL,
            cancelling BOOLEAN NOT NULL DEFAULT 0, mlflow_id TEXT NOT NULL DEFAULT '')""",
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
            study TEXT NOT NULL REFERENCES studies (id) ON DELETE CASCADE, configuration TEXT NOT NULL,
            state TEXT NOT NULL, metrics TEXT NOT NULL, started_at TEXT, seconds REAL NOT NULL, reason TEXT NOT NULL,
            mlflow_id TEXT NOT NULL DEFAULT '')""",
        "CREATE INDEX runs_of_a_study ON runs (study, number)",
        # `found` stands last: who reads metrics reads no further than it must.
        """CREATE TABLE scored (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, place INTEGER NOT NULL, metrics TEXT NOT NULL,
            milliseconds REAL NOT NULL, abstained BOOLEAN NOT NULL, confidence REAL, error TEXT NOT NULL,
            answer TEXT NOT NULL, found TEXT NOT NULL, PRIMARY KEY (run, place))""",
        """CREATE TABLE promotions (
            number INTEGER PRIMARY KEY AUTOINCREMENT, alias TEXT NOT NULL, collection TEXT NOT NULL,
            configuration TEXT NOT NULL, run TEXT NOT NULL, "by" TEXT NOT NULL, at TEXT NOT NULL,
            mlflow_id TEXT NOT NULL DEFAULT '')""",
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "key" TEXT NOT NULL, state TEXT NOT NULL,
            tries INTEGER NOT NULL, last_error TEXT NOT NULL, at TEXT NOT NULL, UNIQUE (kind, "key"))""",
    ),
    (  # 2: rehearsals: runs that search a collection as it is, or one in the making
        "ALTER TABLE studies ADD COLUMN rehearsed TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN searched TEXT NOT NULL DEFAULT ''",
    ),
    (  # 3: runs whose times are those of a search in memory
        "ALTER TABLE runs ADD COLUMN in_memory BOOLEAN NOT NULL DEFAULT 0",
    ),
    (  # 4: what MLflow refused is due again later, and stands behind what it has not refused
        "ALTER TABLE outbox ADD COLUMN due REAL NOT NULL DEFAULT 0",
    ),
    (  # 5: which collection was measured, whatever it is called by now; promotions that go back to an earlier one
        "ALTER TABLE studies ADD COLUMN collection_made TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE promotions ADD COLUMN back_to INTEGER NOT NULL DEFAULT 0",
    ),
)
