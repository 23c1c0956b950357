"""Collections made elsewhere: the rows of a Chroma that is not ours become documents, pages and passages of ours.

They are written as a backup, and that is restored: so all of it is there or nothing, and reading it again replaces all
of it at once.
"""

from __future__ import annotations

from rag.linking.grouping import Group, groups
from rag.linking.measuring import Candidate, Measured, measure
from rag.linking.reading import write_backup

__all__ = ["Candidate", "Group", "Measured", "groups", "measure", "write_backup"]
