"""Matching of teams and players across providers."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.identity import (
    REVIEW_SIMILARITY,
    SAME_SIMILARITY,
    Candidate,
    Decision,
    TeamRegister,
    match_candidate,
    name_similarity,
    normalise_name,
)
from fotmate_assets.football.model import Team
from fotmate_assets.football.sources.fbref import parse_match, parse_player_table, parse_schedule

BORN = date(1974, 9, 18)
WORDS = st.sampled_from(
    ["Sol", "Campbell", "FC", "Women's", "Jr.", "Đorđe", "Mohamed", "Mohammed", "de", "O'Neill", "Utd"]
)
NAMES = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=5).map(" ".join))


def candidate(internal_id: str, name: str, known_name: str | None = None, born: date | None = None) -> Candidate:
    return Candidate(internal_id, name, known_name, born, None)


def decide(name: str, *candidates: Candidate, known_name: str | None = None, born: date | None = None) -> Decision:
    return match_candidate(name, known_name, born, candidates)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Arsenal FC", "arsenal"),
        ("Liverpool F.C.", "liverpool"),
        ("AFC Bournemouth", "bournemouth"),
        ("Sunderland AFC", "sunderland"),
        ("Brighton & Hove Albion FC", "brighton hove albion"),
        ("Brighton and Hove Albion", "brighton hove albion"),
        ("Nott'ham Forest", "nottham forest"),
        ("Newcastle Utd", "newcastle united"),
        ("1. FC Köln", "1 koln"),
        ("Đorđe Petrović", "dorde petrovic"),
        ("Bafodé  Diakité", "bafode diakite"),
        ("Ødegaard", "odegaard"),
        ("ŁUKASZ Fabiański", "lukasz fabianski"),
        ("Großkreutz", "grosskreutz"),
        ("Remy Rees-Dottin", "remy rees dottin"),
        ("Martin O’Neill", "martin oneill"),
        ("Danny Ward Jr.", "danny ward jr"),
        ("Arsenal WFC", "arsenal women"),
        ("Arsenal Women's", "arsenal women"),
        ("Paris Saint-Germain Féminine", "paris saint germain women"),
        ("FC", "fc"),
        ("---", ""),
    ],
)
def test_a_name_is_normalised(name: str, normal: str) -> None:
    assert normalise_name(name) == normal


def test_letters_of_other_scripts_are_kept() -> None:
    assert normalise_name("전북 현대") == normalise_name("전북·현대") != normalise_name("울산 현대")
    assert normalise_name("Спартак (Москва)") == "спартак москва"


@given(NAMES)
@example("FC and F.C.")
@example("ﬀ.İ")
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) == once


@given(NAMES)
def test_case_and_surrounding_signs_do_not_matter(name: str) -> None:
    assert normalise_name(f" ({name.upper()}) ") == normalise_name(name.upper())


@given(NAMES, NAMES)
@example("adadd", "addad")  # SequenceMatcher gives 0.8 one way and 0.6 the other
def test_similarity_is_symmetrical_and_between_0_and_1(a: str, b: str) -> None:
    assert name_similarity(a, b) == name_similarity(b, a)
    assert 0 <= name_similarity(a, b) <= 1
    assert name_similarity(a, a) == (1 if normalise_name(a) else 0)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ("Sulzeer Jeremiah ''Sol' Campbell", "Sol Campbell", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("Thierry Henry", "Thierry Daniel Henry", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("João Pedro", "João Pedro Cavaco Cancelo", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("João Pedro Cavaco", "João Pedro Cavaco Cancelo", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("Paris Saint-Germain FC", "Paris Saint-Germain Féminine", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("Brighton", "Brighton & Hove Albion FC", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("Arsenal FC", "Arsenal Women", REVIEW_SIMILARITY, SAME_SIMILARITY),
        ("Son Heung-Min", "Heung-Min Son", 1, 1.01),
        ("Mohamed Salah", "Mohammed Salah", SAME_SIMILARITY, 1),
        ("Jacob Murphy", "Josh Murphy", 0, REVIEW_SIMILARITY),
        ("Rafael da Silva", "Fábio da Silva", 0, REVIEW_SIMILARITY),
        ("Manchester United", "Manchester City", 0, REVIEW_SIMILARITY),
        ("Manchester United", "Newcastle United", 0, REVIEW_SIMILARITY),
        ("Thierry Henry", "Dennis Bergkamp", 0, 0.3),
        ("", "Thierry Henry", 0, 0.01),
    ],
)
def test_names_are_as_alike_as_a_person_would_say(a: str, b: str, low: float, high: float) -> None:
    assert low <= name_similarity(a, b) < high


def test_the_same_date_of_birth_makes_a_similar_name_the_same_player() -> None:
    decision = decide("Sol Campbell", candidate("p1", "Sulzeer Jeremiah ''Sol' Campbell", born=BORN), born=BORN)
    assert decision == Decision("same", "p1", "name_birth_date", 0.99)


def test_the_same_date_of_birth_does_not_make_a_twin_the_same_player() -> None:
    assert decide("Fábio da Silva", candidate("p1", "Rafael da Silva", born=BORN), born=BORN).kind == "new"


def test_a_twin_does_not_stand_before_the_player_of_the_name() -> None:
    twin, himself = candidate("p1", "Rafael da Silva", born=BORN), candidate("p2", "Fábio da Silva")
    assert decide("Fábio da Silva", twin, himself, born=BORN) == Decision("same", "p2", "name", 0.95)


def test_the_date_of_birth_tells_namesakes_apart() -> None:
    namesakes = (candidate("p1", "Danny Ward", born=date(1990, 12, 9)), candidate("p2", "Danny Ward", born=BORN))
    assert decide("Danny Ward", *namesakes, born=BORN) == Decision("same", "p2", "name_birth_date", 0.99)


def test_different_dates_of_birth_are_never_the_same_player() -> None:
    decision = decide("Danny Ward", candidate("p1", "Danny Ward", born=date(1990, 12, 9)), born=BORN)
    assert (decision.kind, decision.internal_id) == ("new", None)


def test_a_date_of_birth_beats_a_better_name_without_one() -> None:
    exact = candidate("p1", "Sol Campbell")
    born = candidate("p2", "Sulzeer Campbell Sol", born=BORN)
    assert decide("Sol Campbell", exact, born, born=BORN).internal_id == "p2"


def test_an_unknown_date_of_birth_does_not_stand_in_the_way() -> None:
    assert decide("Danny Ward", candidate("p1", "Danny Ward", born=BORN)) == Decision("same", "p1", "name", 0.95)


def test_the_only_candidate_of_the_name_is_the_same() -> None:
    others = (candidate("p2", "Jordan Pickford"), candidate("p3", "Petrović"))
    assert decide("Đorđe Petrović", candidate("p1", "Dorde PETROVIC"), *others) == Decision("same", "p1", "name", 0.95)


@pytest.mark.parametrize(("name", "known_name"), [("Sol Campbell", None), ("Sulzeer Campbell", "Sol Campbell")])
def test_a_known_name_counts_like_a_name(name: str, known_name: str | None) -> None:
    known = candidate("p1", "Sulzeer Jeremiah Campbell", "Sol Campbell")
    assert decide(name, known, known_name=known_name) == Decision("same", "p1", "name", 0.95)


def test_two_equally_good_candidates_are_for_review() -> None:
    decision = decide("Danny Ward", candidate("p2", "Danny Ward"), candidate("p1", "Danny Ward"))
    assert (decision.kind, decision.internal_id) == ("review", "p1")
    assert decision.confidence <= 0.5


def test_two_of_one_name_and_one_date_of_birth_are_for_review() -> None:
    twins = (candidate("p1", "Danny Ward", born=BORN), candidate("p2", "Danny Ward", born=BORN))
    assert decide("Danny Ward", *twins, born=BORN).kind == "review"


def test_a_merely_similar_name_is_for_review_and_names_the_best() -> None:
    decision = decide("Sol Campbell", candidate("p1", "Sulzeer Jeremiah Sol Campbell"), candidate("p2", "Sol Bamba"))
    assert (decision.kind, decision.internal_id, decision.method) == ("review", "p1", "similar_name")
    assert REVIEW_SIMILARITY * 0.95 <= decision.confidence < 0.95


def test_a_spelling_variant_is_the_same_with_less_confidence_than_the_name() -> None:
    decision = decide("Mohammed Salah", candidate("p1", "Mohamed Salah"), candidate("p2", "Cody Gakpo"))
    assert (decision.kind, decision.internal_id, decision.method) == ("same", "p1", "similar_name")
    assert decision.confidence < 0.95


def test_an_unlike_name_is_new() -> None:
    assert decide("Dennis Bergkamp", candidate("p1", "Thierry Henry")).kind == "new"
    assert decide("Dennis Bergkamp") == Decision("new", None, "none", 0.0)


def test_a_womens_side_is_not_merged_with_the_mens() -> None:
    mens, womens = candidate("t1", "Arsenal FC"), candidate("t2", "Arsenal Women")
    assert decide("Arsenal WFC", mens, womens).internal_id == "t2"
    assert decide("Arsenal WFC", mens).kind == "review"


def test_a_name_without_letters_matches_nobody() -> None:
    assert decide("???", candidate("p1", "!!!")).kind == "new"


@given(
    name=NAMES,
    born=st.sampled_from([None, BORN]),
    others=st.lists(st.tuples(NAMES, st.sampled_from([None, BORN, date(1980, 1, 1)])), max_size=3),
)
def test_the_order_of_the_candidates_does_not_matter(
    name: str, born: date | None, others: list[tuple[str, date | None]]
) -> None:
    known = [candidate(f"p{number}", other, born=when) for number, (other, when) in enumerate(others)]
    decisions = {match_candidate(name, None, born, order) for order in permutations(known)}
    assert len(decisions) == 1


REGISTER = b"""reep_id,key_wikidata,name,country,key_fbref,key_uefa
r1,Q1,Ashford Rovers F.C.,England,aaaaaaaa,17
r2,Q2,"Bexley, Town of",,bbbbbbbb,
r3,Q3,Corby CF,Spain,cccccccc,9
r4,Q4,UE Corby,Spain,cccccccc,10
"""


def test_the_register_gives_the_other_ids_and_the_name_of_a_team() -> None:
    register = TeamRegister.from_csv(REGISTER)
    team = register.find("fbref", "aaaaaaaa")
    assert team
    assert (team.register_id, team.name, team.country) == ("r1", "Ashford Rovers F.C.", "England")
    assert team.ids == {"wikidata": "Q1", "fbref": "aaaaaaaa", "uefa": "17"}
    assert register.find("uefa", "17") == team
    town = register.find("fbref", "bbbbbbbb")
    assert town
    assert (town.name, town.country, "uefa" in town.ids) == ("Bexley, Town of", None, False)


def test_an_unknown_id_and_one_that_two_teams_claim_find_nothing() -> None:
    register = TeamRegister.from_csv(REGISTER)
    assert register.find("fbref", "dddddddd") is None
    assert register.find("statsbomb", "1") is None
    assert register.find("fbref", "cccccccc") is None
    assert register.find("uefa", "10") is not None


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "reep_id"),
        (REGISTER.replace(b",name,", b",title,"), "name"),
        (REGISTER + b"r5,Q5\n", None),
        (REGISTER + b'r5,Q5,"unclosed', None),
        (b"\xff\xfe", None),
    ],
)
def test_a_file_that_is_no_register_is_malformed(content: bytes, field: str | None) -> None:
    with pytest.raises(SourceError) as caught:
        TeamRegister.from_csv(content)
    assert (caught.value.verdict, caught.value.field) == (Verdict.MALFORMED, field)


def fbref_page(folder: Path, name: str) -> RawDocument:
    return RawDocument(
        "fbref", name, (folder / "fbref" / name).read_bytes(), "file:///", datetime(2026, 1, 1, tzinfo=UTC)
    )


def openfootball_teams(folder: Path, season: str) -> list[Candidate]:
    matches = json.loads((folder / "openfootball" / f"openfootball_{season}_en.1.json").read_bytes())["matches"]
    return [candidate(name, name) for name in sorted({match["team1"] for match in matches})]


def unresolved(teams: Iterable[Team], known: list[Candidate]) -> dict[str, Decision]:
    """The FBref teams whose name does not decide which of `known` they are."""
    decisions = {team.name: match_candidate(team.name, None, None, known) for team in teams}
    resolved = [decision.internal_id for decision in decisions.values() if decision.kind == "same"]
    assert len(resolved) == len(set(resolved))
    return {name: decision for name, decision in decisions.items() if decision.kind != "same"}


def player_table_teams(folder: Path) -> set[Team]:
    rows = parse_player_table(fbref_page(folder, "players_premier-league_2024-2025_standard.html"))
    return {Team(row.team, row.team_name) for row in rows}


@pytest.mark.real_data
def test_all_20_fbref_teams_of_2024_25_are_openfootballs_by_name(real_data: Path) -> None:
    teams = player_table_teams(real_data)
    assert len(teams) == 20
    assert unresolved(teams, openfootball_teams(real_data, "2024-25")) == {}


@pytest.mark.real_data
def test_17_fbref_teams_of_2024_25_are_openfootballs_of_the_next_season_and_3_went_down(real_data: Path) -> None:
    left = unresolved(player_table_teams(real_data), openfootball_teams(real_data, "2025-26"))
    assert {name: decision.kind for name, decision in left.items()} == {
        "Southampton": "new",
        "Leicester City": "new",
        "Ipswich Town": "new",
    }


@pytest.mark.real_data
def test_all_fbref_teams_on_pages_of_2025_26_are_openfootballs_by_name(real_data: Path) -> None:
    key = "premier-league_2025-2026"
    report = parse_match(fbref_page(real_data, "match_a071faa8_Liverpool-Bournemouth_2025-08-15.html"), key)
    day = parse_schedule(fbref_page(real_data, "date_page_2025-12-07.html"), key)
    teams = {team for one in (report, *day) for team in (one.match.home, one.match.away)}
    assert len(teams) == 6
    assert unresolved(teams, openfootball_teams(real_data, "2025-26")) == {}


@pytest.mark.real_data
def test_the_real_register_knows_16_of_the_20_fbref_teams(real_data: Path) -> None:
    register = TeamRegister.from_csv((real_data / "idmaps" / "reep_teams.csv").read_bytes())
    found = {team.name: register.find("fbref", team.provider_id) for team in player_table_teams(real_data)}
    assert {name for name, team in found.items() if team is None} == {
        "Everton",
        "Fulham",
        "Leicester City",
        "Tottenham Hotspur",
    }
    for name, team in found.items():
        assert team is None or normalise_name(team.name) == normalise_name(name)
    liverpool = register.find("fbref", "822bd0ba")
    assert liverpool
    assert (liverpool.ids["transfermarkt"], liverpool.ids["fotmob"]) == ("31", "8650")
    assert register.find("fbref", "ff4ed90c") is None
