"""Whether there are leases at all: the one question that every commit asks.

The journal and the lease table take longer to import than all the rest of a hook, so
this looks at what the table was left as without either. Whatever is not as expected
counts as a yes: the table then says what is wrong.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from guild_plugins.coordination.place import Place

NONE_HELD: Final = '"leases":[],'
"""How the codec writes that there is none."""


def any_leases(place: Place) -> bool:
    """Say whether somebody may hold a lease; waits for nobody, and changes nothing."""
    if not place.database.exists():
        return False
    import sqlite3  # where nobody ever took a lease, a hook does without

    address = f"{place.database.absolute().as_uri()}?mode=ro"
    query = "SELECT value FROM snapshots WHERE name = 'leases'"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0.1)) as connection:
            row = connection.execute(query).fetchone()
            if row is not None:
                return NONE_HELD not in row[0]
            asked = "SELECT 1 FROM events WHERE type LIKE 'Lease%' LIMIT 1"
            return connection.execute(asked).fetchone() is not None
    except sqlite3.Error:
        return True
