"""The schema of the file of conversations, as numbered migrations. Add one; never edit one that has been released."""

from __future__ import annotations

from rag.catalog import Migrations

MIGRATIONS: Migrations = (
    (  # 1: conversations, their messages as LangChain's chat history has them, feedback, rows for an evaluation
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY, title TEXT NOT NULL, words TEXT NOT NULL, owner TEXT NOT NULL,
            created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
        "CREATE INDEX conversations_by_age ON conversations (owner, updated_at)",
        # `words` stands before `message`: searching reads no further than it must.
        """CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            turn_id TEXT NOT NULL, role TEXT NOT NULL, words TEXT NOT NULL, message TEXT NOT NULL,
            UNIQUE (turn_id, role))""",
        "CREATE INDEX messages_in_order ON messages (session_id, id)",
        """CREATE TABLE feedback (
            turn_id TEXT NOT NULL, chunk_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            owner TEXT NOT NULL, value INTEGER NOT NULL, note TEXT NOT NULL, document_id TEXT NOT NULL,
            document TEXT NOT NULL, page INTEGER NOT NULL, question TEXT NOT NULL, collection TEXT NOT NULL,
            at TEXT NOT NULL, PRIMARY KEY (turn_id, chunk_id))""",
        "CREATE INDEX feedback_of_a_conversation ON feedback (conversation_id)",
        """CREATE TABLE evaluation_rows (
            turn_id TEXT PRIMARY KEY, owner TEXT NOT NULL, question TEXT NOT NULL, expected_answer TEXT NOT NULL,
            document TEXT NOT NULL, document_id TEXT NOT NULL, page INTEGER NOT NULL, quote TEXT NOT NULL,
            tags TEXT NOT NULL, collection TEXT NOT NULL, verdict INTEGER NOT NULL, note TEXT NOT NULL,
            relevant TEXT NOT NULL, not_relevant TEXT NOT NULL, added_at TEXT NOT NULL)""",
    ),
    (  # 2: what is thought of a turn, and its row, are its owner's; how often everything was erased
        """CREATE TABLE feedback_2 (
            turn_id TEXT NOT NULL, chunk_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            owner TEXT NOT NULL, value INTEGER NOT NULL, note TEXT NOT NULL, document_id TEXT NOT NULL,
            document TEXT NOT NULL, page INTEGER NOT NULL, question TEXT NOT NULL, collection TEXT NOT NULL,
            at TEXT NOT NULL, PRIMARY KEY (owner, turn_id, chunk_id))""",
        "INSERT INTO feedback_2 SELECT * FROM feedback",
        "DROP TABLE feedback",
        "ALTER TABLE feedback_2 RENAME TO feedback",
        "CREATE INDEX feedback_of_a_conversation ON feedback (conversation_id)",
        """CREATE TABLE evaluation_rows_2 (
            turn_id TEXT NOT NULL, owner TEXT NOT NULL, question TEXT NOT NULL, expected_answer TEXT NOT NULL,
            document TEXT NOT NULL, document_id TEXT NOT NULL, page INTEGER NOT NULL, quote TEXT NOT NULL,
            tags TEXT NOT NULL, collection TEXT NOT NULL, verdict INTEGER NOT NULL, note TEXT NOT NULL,
            relevant TEXT NOT NULL, not_relevant TEXT NOT NULL, added_at TEXT NOT NULL,
            PRIMARY KEY (owner, turn_id))""",
        "INSERT INTO evaluation_rows_2 SELECT * FROM evaluation_rows",
        "DROP TABLE evaluation_rows",
        "ALTER TABLE evaluation_rows_2 RENAME TO evaluation_rows",
        "CREATE TABLE erasures (number INTEGER PRIMARY KEY AUTOINCREMENT)",
    ),
)
