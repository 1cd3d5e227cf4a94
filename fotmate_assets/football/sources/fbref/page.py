"""An FBref page and its tables, live ones and those inside HTML comments."""

from __future__ import annotations

import re
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.identity import normalise_name
from fotmate_assets.football.model import Team

SOURCE = "fbref"


BLOCK_TITLE = re.compile(
    r"just a moment|attention required|access denied|rate limited|403|429|forbidden", re.IGNORECASE
)
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
ID_IN_LINK = {kind: re.compile(rf"/{kind}/([0-9a-f]{{8}})(?:/|$)") for kind in ("players", "matches")}
SQUAD_LINK = re.compile(r"/squads/(?P<id>[0-9a-f]{8})/(?:[\d-]+/)?(?P<name>[^/]+)-Stats$")


def linked_id(node: LexborNode, kind: str) -> str | None:
    """The 8-hex id in the first link to a `kind` (`players`, `matches`) in `node`, if any."""
    for link in node.css("a[href]"):
        found = ID_IN_LINK[kind].search(link.attributes["href"] or "")
        if found:
            return found[1]
    return None


def linked_team(node: LexborNode) -> Team | None:
    """The team of the first squad link in `node`, if any, by its full name.

    FBref shows short names (`Tottenham`, `Wolves`) and the same name for men and women; the link says it whole, but
    without accents: `.../Tottenham-Hotspur-Stats`, `.../Liverpool-Women-Stats`.
    """
    for link in node.css('a[href*="/squads/"]'):
        found = SQUAD_LINK.search(link.attributes["href"] or "")
        if found:
            shown, whole = clean_text(link), found["name"].replace("-", " ")
            is_whole = normalise_name(shown) == normalise_name(whole) and len(shown) >= len(whole)
            name = shown if is_whole else whole
            return Team(found["id"], name, "female" if "women" in normalise_name(whole).split() else None)
    return None


def clean_text(node: LexborNode) -> str:
    """The text of a node, its white space (no-break spaces too) collapsed."""
    return " ".join(node.text().split())


class Row:
    """One body row of a table; cells are found by FBref's `data-stat` name."""

    def __init__(self, table: Table, node: LexborNode) -> None:
        self.table = table
        self._cells = {cell.attributes.get("data-stat"): cell for cell in node.css("th, td")}

    def __contains__(self, stat: object) -> bool:
        return stat in self._cells

    @property
    def stats(self) -> list[str]:
        """The `data-stat` names of the row, in order."""
        return [stat for stat in self._cells if stat]

    def cell(self, stat: str) -> LexborNode:
        """The cell itself. Raises SourceError (malformed) naming table and column where it is absent."""
        if stat not in self._cells:
            raise self.table.page.malformed("the column is missing", f"{self.table.id}.{stat}")
        return self._cells[stat]

    def text(self, stat: str) -> str:
        """The cell's text, white space collapsed."""
        return clean_text(self.cell(stat))

    def integer(self, stat: str) -> int | None:
        """The cell as an integer, None where it is blank."""
        number = self.number(stat)
        if isinstance(number, float):
            raise self.table.page.malformed(f"{number!r} is not a whole number", f"{self.table.id}.{stat}")
        return number

    def number(self, stat: str) -> int | float | None:
        """The cell as a number (`1,234`, `66.7`, `.5`), None where it is blank."""
        text = self.text(stat).replace(",", "")
        try:
            return None if not text else int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        except ValueError:
            raise self.table.page.malformed(f"{text!r} is not a number", f"{self.table.id}.{stat}") from None


class Table:
    """One `stats_table`. `tfoot`, repeated headers and spacer rows are no rows."""

    def __init__(self, page: Page, node: LexborNode) -> None:
        self.page = page
        self.id = node.attributes.get("id") or ""
        self.node = node

    @cached_property
    def columns(self) -> frozenset[str]:
        """The `data-stat` names of the last header row."""
        header = self.node.css("thead tr")
        return (
            frozenset(cell.attributes.get("data-stat") or "" for cell in header[-1].css("th"))
            if header
            else frozenset()
        )

    @cached_property
    def rows(self) -> list[Row]:
        """The body rows that carry data."""
        return [
            Row(self, node)
            for node in self.node.css("tbody tr")
            if not {"thead", "spacer", "over_header"} & set((node.attributes.get("class") or "").split())
            and node.text(strip=True)
        ]

    def require(self, *stats: str) -> None:
        """Raise SourceError (malformed) naming the table and the first of `stats` that is no column."""
        for stat in stats:
            if stat not in self.columns:
                raise self.page.malformed("the column is missing", f"{self.id}.{stat}")


class Page:
    """A parsed page.

    Raises SourceError: `BLOCKED` for a challenge or a refusal in place of the page, `MALFORMED` for bytes that
    are no UTF-8 and for a page that is cut short.
    """

    def __init__(self, document: RawDocument) -> None:
        self.document = document
        try:
            text = document.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.malformed(f"not UTF-8: {error.reason} at byte {error.start}") from None
        self.tree = LexborHTMLParser(text)
        title = self.tree.css_first("title")
        self.title = clean_text(title) if title else ""
        if BLOCK_TITLE.match(self.title):
            raise SourceError(
                Verdict.BLOCKED,
                SOURCE,
                document.name,
                f"FBref refuses robots: {self.title!r}",
                content=document.content,
            )
        if not text.rstrip().endswith("</html>"):
            raise self.malformed("the page is cut short: it does not end in </html>")
        self._hidden = [LexborHTMLParser(comment) for comment in COMMENT.findall(text) if "<table" in comment]
        self.tables: dict[str, Table] = {}
        """Every table that has an id, in page order, live ones before commented ones."""
        for tree in (self.tree, *self._hidden):
            for node in tree.css("table[id]"):
                table = Table(self, node)
                self.tables.setdefault(table.id, table)

    def malformed(self, reason: str, field: str | None = None) -> SourceError:
        """The error to raise when the page is not what FBref pages are."""
        return self.document.malformed(reason, field)

    def table(self, table_id: str) -> Table:
        """The table of that id. Raises SourceError (malformed) naming it where it is absent."""
        if table_id not in self.tables:
            raise self.malformed("the table is missing", table_id)
        return self.tables[table_id]

    def one(self, css: str, inside: LexborNode | None = None) -> LexborNode:
        """The first node that matches. Raises SourceError (malformed) naming the selector where there is none."""
        node = (self.tree if inside is None else inside).css_first(css)
        if node is None:
            raise self.malformed("the element is missing", css)
        return node
