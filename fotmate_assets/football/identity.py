"""Is this the same team or player as one we know? Pure matching of names and dates of birth across providers.

Nothing is merged on a resemblance: what is close without being sure is for review. Women's sides keep a marker
in their normalised name, so that `Arsenal WFC` and `Arsenal Women` are one and `Arsenal FC` is another.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, Self

from fotmate_assets.core.model import SourceError, Verdict

SAME_SIMILARITY = 0.95
"""From here on a single candidate with a similar name is the same."""
REVIEW_SIMILARITY = 0.75
"""From here on a similar name is worth a person's look; with the same date of birth it is the same."""
TOKEN_SIMILARITY = 0.8
"""From here on two words of a name are taken for spellings of one (`Mohamed`, `Mohammed`)."""

NAME_CONFIDENCE = 0.95
BIRTH_DATE_CONFIDENCE = 0.99

CLUB_WORDS = frozenset({"fc", "afc", "cf", "and"})
"""Words that providers add to a club's name or leave out."""
WOMEN_WORDS = (
    *("womens", "wfc", "ladies", "frauen", "vrouwen", "feminin", "feminine", "feminines", "femenino", "femenina"),
    *("feminino", "feminina", "femminile", "kvinder", "kvinner", "damer", "dam"),
)
SAME_WORD = dict.fromkeys(WOMEN_WORDS, "women") | {"utd": "united"}
UNDECOMPOSED = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n", "ə": "e"}
)
"""Latin letters that Unicode does not take apart into a base letter and an accent."""


def normalise_name(name: str) -> str:
    """A name as words to compare: no accents, case, punctuation, `FC`/`AFC`/`CF` or ampersand; `Utd` is `united`.

    Letters of other scripts are kept. A name of nothing but such words keeps them. Normalising twice changes
    nothing; a name without letters and digits becomes empty.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign)).translate(UNDECOMPOSED)
    undotted = re.sub(r"(?<=[^\W\d])\.(?=\S|$)|['’‘`´ʼ]", "", plain)
    words = [SAME_WORD.get(word, word) for word in re.findall(r"[^\W_]+", undotted)]
    return " ".join([word for word in words if word not in CLUB_WORDS] or words)


def name_similarity(a: str, b: str) -> float:
    """How alike two names are, 0 to 1, whatever the order of their words and whatever middle names one omits.

    Seven tenths count how much of the shorter name is in the longer, three tenths how much of both is shared: the
    same words give 1, two of three words 0.9, one of two 0.85, another first name 0.45. Symmetrical.
    """
    left, right = set(normalise_name(a).split()), set(normalise_name(b).split())
    if not left or not right:
        return 0.0
    shared = len(left & right) + _similar_words(left - right, right - left)
    return (7 * shared / min(len(left), len(right)) + 3 * shared / (len(left) + len(right) - shared)) / 10


def _similar_words(left: Iterable[str], right: Iterable[str]) -> float:
    """Sum of the similarities of the words that are spellings of each other, each word used once."""
    pairs = [(_word_similarity(one, other), one, other) for one in left for other in right]
    used: set[str] = set()
    total = 0.0
    for similarity, one, other in sorted(pairs, key=lambda pair: (-pair[0], *sorted(pair[1:]))):
        if similarity >= TOKEN_SIMILARITY and one not in used and other not in used:
            used |= {one, other}
            total += similarity
    return total


def _word_similarity(one: str, other: str) -> float:
    first, second = sorted((one, other))  # SequenceMatcher is not symmetrical
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


@dataclass(frozen=True)
class Candidate:
    """A team or player we know, who may be the one a provider names."""

    internal_id: str
    name: str
    known_name: str | None
    birth_date: date | None
    country: str | None


@dataclass(frozen=True)
class Decision:
    """`same` as `internal_id`; for `review` against `internal_id`, the best candidate; or `new`."""

    kind: Literal["same", "review", "new"]
    internal_id: str | None
    method: Literal["name_birth_date", "name", "similar_name", "none"]
    confidence: float
    """That it is the same, 0 to 1; of a new one, the similarity of the nearest candidate."""


class _Likeness(NamedTuple):
    """How a candidate compares; the greatest `rank` is the best."""

    candidate: Candidate
    has_same_birth_date: bool
    is_same_name: bool
    similarity: float

    @property
    def rank(self) -> tuple[bool, bool, float]:
        return (self.has_same_birth_date and self.similarity >= REVIEW_SIMILARITY, self.is_same_name, self.similarity)


def match_candidate(
    name: str, known_name: str | None, birth_date: date | None, candidates: Iterable[Candidate]
) -> Decision:
    """Decide who of `candidates` (those of the same team and season, where there is one) a provider's name means.

    In this order: a similar name with the same date of birth is the same (`name_birth_date`, 0.99); so is the only
    candidate with the same normalised name (`name`, 0.95), and the only one with a similarity of at least 0.95
    (`similar_name`). Two equally good candidates, or a similarity from 0.75, are for review. Different known dates of
    birth are never the same person. The order of the candidates does not matter.
    """
    likenesses = [
        _likeness(name, known_name, birth_date, candidate)
        for candidate in candidates
        if not (birth_date and candidate.birth_date and birth_date != candidate.birth_date)
    ]
    if not likenesses:
        return Decision("new", None, "none", 0.0)
    likenesses.sort(key=lambda one: one.candidate.internal_id)
    best = max(likenesses, key=lambda one: one.rank)
    is_tied = sum(one.rank == best.rank for one in likenesses) > 1
    is_birth_date_match, is_same_name, similarity = best.rank
    if similarity < REVIEW_SIMILARITY and not is_same_name:
        return Decision("new", None, "none", similarity)
    method: Literal["name_birth_date", "name", "similar_name"]
    if is_birth_date_match:
        method, confidence = "name_birth_date", BIRTH_DATE_CONFIDENCE
    elif is_same_name:
        method, confidence = "name", NAME_CONFIDENCE
    else:
        method, confidence = "similar_name", similarity * NAME_CONFIDENCE
    if is_tied:
        return Decision("review", best.candidate.internal_id, method, confidence / 2)
    is_sure = is_birth_date_match or is_same_name or similarity >= SAME_SIMILARITY
    return Decision("same" if is_sure else "review", best.candidate.internal_id, method, confidence)


def _likeness(name: str, known_name: str | None, birth_date: date | None, candidate: Candidate) -> _Likeness:
    ours = [one for one in (name, known_name) if one]
    theirs = [one for one in (candidate.name, candidate.known_name) if one]
    same = {normalise_name(one) for one in ours} & {normalise_name(one) for one in theirs} - {""}
    return _Likeness(
        candidate,
        has_same_birth_date=birth_date is not None and birth_date == candidate.birth_date,
        is_same_name=bool(same),
        similarity=max((name_similarity(a, b) for a in ours for b in theirs), default=0.0),
    )


class RegisteredTeam(NamedTuple):
    """A team of the shared register and its ids at the providers that the register knows."""

    register_id: str
    name: str
    country: str | None
    ids: Mapping[str, str]
    """Team id by provider: `fbref`, `transfermarkt`, `uefa`, ..."""


class TeamRegister:
    """The teams of withqwerty/reep (CC0): one row per team, a `key_<provider>` column per provider."""

    def __init__(self, teams: Iterable[RegisteredTeam]) -> None:
        self._by_id: dict[tuple[str, str], list[RegisteredTeam]] = defaultdict(list)
        for team in teams:
            for provider, provider_id in team.ids.items():
                self._by_id[provider, provider_id].append(team)

    @classmethod
    def from_csv(cls, content: bytes) -> Self:
        """Read `teams.csv` of the register (UTF-8).

        Raises SourceError (malformed) when it is no such file or a row has too few or too many cells.
        """

        def malformed(reason: str, field: str | None = None) -> SourceError:
            return SourceError(Verdict.MALFORMED, "reep", "teams.csv", reason, field=field, content=content)

        try:
            rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
            columns = next(rows, [])
            for column in ("reep_id", "name", "country"):
                if column not in columns:
                    raise malformed("the column is missing", column)
            providers = {column: column.removeprefix("key_") for column in columns if column.startswith("key_")}
            teams = []
            for cells in rows:
                if len(cells) != len(columns):
                    raise malformed(f"{len(cells)} cells in line {rows.line_num}, {len(columns)} columns")
                row = dict(zip(columns, cells, strict=True))
                ids = {provider: row[column] for column, provider in providers.items() if row[column]}
                teams.append(RegisteredTeam(row["reep_id"], row["name"], row["country"] or None, ids))
        except (UnicodeDecodeError, csv.Error) as error:
            raise malformed(str(error)) from None
        return cls(teams)

    def find(self, provider: str, provider_id: str) -> RegisteredTeam | None:
        """The team that has this id at this provider; None where none has, or where several claim it."""
        found = self._by_id.get((provider, provider_id), [])
        return found[0] if len(found) == 1 else None
