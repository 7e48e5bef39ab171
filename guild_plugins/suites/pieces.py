"""What the pieces that the scheduler hands out are, and the accounts of those that do not run."""

from __future__ import annotations

from typing import Any

from guild_plugins.engine.messages import Piece
from guild_plugins.suites.ledger import Account, Ledger
from guild_plugins.suites.nodes import Opened, Selection, SuiteNode
from guild_plugins.suites.plan import Plan, Work


class Pieces:
    """All pieces that were given to a worker, by their id."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self._plan = plan
        self._ledger = ledger
        self._pieces: dict[int, Piece] = {}
        self.blamed: set[int] = set()
        """Those whose collection brought a worker down."""
        self.why_stopped = ""
        """What ended the whole run before its time."""

    def add(self, piece: Piece) -> None:
        """Note a piece that is given to a worker."""
        self._pieces[piece.id] = piece

    def work(self, piece: int) -> Work:
        """Return the work that a piece is, or is a part of."""
        return self._plan.works[self._pieces[piece].unit.id]

    def account(self, piece: int) -> Account:
        """Return the account of the scope that a piece belongs to."""
        return self._ledger.scope(self.work(piece).unit.scope)

    def prefix(self, node: SuiteNode) -> str:
        """Return what goes in front of a worker's node ids."""
        return self._plan.pools[node.pool].prefix

    def end(self, piece: int) -> None:
        """Note that a piece needs nothing more."""
        self._ledger.end_piece(self.work(piece).unit.id)

    def drop(self, piece: Piece) -> None:
        """Account for a piece that will not run, unless it was reported as an error already."""
        if piece.id not in self.blamed:
            self._write_off(piece, None)

    def write_off_held(self, node: SuiteNode) -> None:
        """Account for what a worker still had when everything was stopped."""
        for piece, opened in node.held.items():
            self._write_off(self._pieces[piece], opened)
        node.held.clear()

    def note_forgotten(self, node: SuiteNode, piece: int, count: int) -> None:
        """Account for tests that a worker was told to forget."""
        account = self.account(piece)
        account.not_run[self._reason(account)] += count
        self._ledger.partial_files.update(self.work(piece).keys)
        if piece in node.held:
            node.held[piece].tests -= count
            node.held[piece].unread = 0

    def _write_off(self, piece: Piece, opened: Opened | None) -> None:
        account = self._ledger.scope(piece.unit.scope)
        reason = self._reason(account)
        work = self._plan.works[piece.unit.id]
        chosen = selection(piece)
        if opened is not None and opened.is_open:
            left = opened.left
            account.not_run.update({reason: left} if left else {})
        elif chosen.only is not None or chosen.about:
            account.not_run[reason] += chosen.about if chosen.only is None else len(chosen.only)
        else:
            account.not_run_files[reason] += len(work.files)
        self._ledger.partial_files.update(work.keys)
        self._ledger.end_piece(piece.unit.id)

    def _reason(self, account: Account) -> str:
        return account.stopped or self.why_stopped or "interrupted"


def selection(piece: Piece) -> Selection:
    """Return which tests of the unit make up a piece."""
    payload: Any = piece.payload
    return payload if payload is not None else Selection()
