"""What can be wrong with a season's rows: pure reads that name the match and the field.

Each function returns its findings, none when all is well, and looks only at what is stored, so that it
finds what parsing, loading or anybody's hand did wrong.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.football.stats import DISMISSALS

MINUTES_TOLERANCE = 0.05


def _rows(connection: Connection, key: str, sql: str) -> list[Finding]:
    """Findings of a query that gives subject, field and message; `:key` is the season."""
    return [Finding(*row) for row in connection.execute(text(sql), {"key": key})]


def nothing_owed(connection: Connection, key: str) -> list[Finding]:
    """The season has matches, and nothing of it is owed: every listed match and document is in."""
    return _rows(
        connection,
        key,
        """
        select 'season', 'matches', 'no match of ' || :key || ' is loaded'
        where not exists (select from matches where season_key = :key)
        union all
        select document, coalesce(field, ''), source || ': ' || reason || ' [' || verdict || ', ' || status || ']'
        from ingestion_failures where partition_key = :key and status <> 'resolved'
        """,
    )


def score_equals_goals(connection: Connection, key: str) -> list[Finding]:
    """Scores against the events: goals of periods 1 to 4, own goals for the side they benefit; shoot-out apart."""
    return _rows(
        connection,
        key,
        """
        with goals as (
            select m.match_id,
                   count(*) filter (where scored and e.team_id = m.home_team_id and period < 5) as home,
                   count(*) filter (where scored and e.team_id = m.away_team_id and period < 5) as away,
                   count(*) filter (where scored and e.team_id = m.home_team_id and period = 5) as home_shootout,
                   count(*) filter (where scored and e.team_id = m.away_team_id and period = 5) as away_shootout
            from matches m
            join match_events e on e.season_key = m.season_key and e.match_id = m.match_id
            cross join lateral (
                select (event_type = 'Shot' and outcome = 'Goal') or event_type = 'Own Goal For' as scored
            ) as goal
            where m.season_key = :key
            group by m.match_id
        )
        select match_id, side || '_score', 'the match says ' || coalesce(stated::text, 'nothing')
               || ', the events say ' || counted
        from matches join goals using (match_id)
        cross join lateral (values
            ('home', home_score, home), ('away', away_score, away)
        ) as s(side, stated, counted)
        where stated is distinct from counted
        union all
        select match_id, side || '_shootout', 'the match says ' || stated || ', the events say ' || counted
        from matches join goals using (match_id)
        cross join lateral (values
            ('home', coalesce(matches.home_shootout, 0), goals.home_shootout),
            ('away', coalesce(matches.away_shootout, 0), goals.away_shootout)
        ) as s(side, stated, counted)
        where stated <> counted
        """,
    )


def event_index_gapless(connection: Connection, key: str) -> list[Finding]:
    """Event indexes run from 1 to the number of events, which is the one the match says."""
    return _rows(
        connection,
        key,
        """
        select m.match_id, 'event_index',
               m.event_count || ' events stated, ' || count(e.event_index) || ' stored, indexes '
               || coalesce(min(e.event_index)::text, '-') || ' to ' || coalesce(max(e.event_index)::text, '-')
        from matches m
        left join match_events e on e.season_key = m.season_key and e.match_id = m.match_id
        where m.season_key = :key
        group by m.match_id, m.event_count
        having count(e.event_index) <> m.event_count
            or (m.event_count > 0 and (min(e.event_index) <> 1 or max(e.event_index) <> m.event_count))
        """,
    )


def coordinates_in_bounds(connection: Connection, key: str) -> list[Finding]:
    """Coordinates lie on the provider's own pitch; events beyond it are kept, flagged and counted here."""
    return _rows(
        connection,
        key,
        """
        select match_id, 'provider_x, provider_y', count(*) || ' events out of bounds'
        from match_events where season_key = :key and out_of_bounds
        group by match_id
        """,
    )


def ids_resolve(connection: Connection, key: str) -> list[Finding]:
    """Sides, players and recipients of events are those of the match and of its squads."""
    return _rows(
        connection,
        key,
        """
        select e.match_id, 'team_id', e.team_id || ' does not play in this match (' || count(*) || ' events)'
        from match_events e join matches m using (match_id)
        where e.season_key = :key and e.team_id not in (m.home_team_id, m.away_team_id)
        group by e.match_id, e.team_id
        union all
        select e.match_id, 'player_id',
               coalesce(p.name, e.player_id || ' (unknown)') || ' is in no squad of the side ('
               || count(*) || ' events)'
        from match_events e
        left join players p on p.player_id = e.player_id
        left join lineups l on l.match_id = e.match_id and l.player_id = e.player_id and l.team_id = e.team_id
        where e.season_key = :key and e.player_id is not null and l.player_id is null
        group by e.match_id, e.player_id, p.name
        union all
        select e.match_id, 'recipient_id',
               coalesce(p.name, e.recipient_id || ' (unknown)') || ' is in no squad of the match ('
               || count(*) || ' events)'
        from match_events e
        left join players p on p.player_id = e.recipient_id
        left join lineups l on l.match_id = e.match_id and l.player_id = e.recipient_id
        where e.season_key = :key and e.recipient_id is not null and l.player_id is null
        group by e.match_id, e.recipient_id, p.name
        """,
    )


def eleven_starters(connection: Connection, key: str) -> list[Finding]:
    """Each side of a match with events starts with eleven, where the provider says who starts."""
    return _rows(
        connection,
        key,
        """
        select m.match_id, 'is_starter', t.name || ': ' || count(l.player_id) filter (where l.is_starter) || ' starters'
        from matches m
        cross join lateral (values (m.home_team_id), (m.away_team_id)) as side(team_id)
        join teams t on t.team_id = side.team_id
        left join lineups l on l.match_id = m.match_id and l.team_id = side.team_id
        where m.season_key = :key and m.event_count > 0
        group by m.match_id, t.team_id
        having count(l.player_id) filter (where l.is_starter) <> 11
           and count(l.player_id) filter (where l.is_starter is null) = 0
        """,
    )


def stats_agree_with_events(connection: Connection, key: str) -> list[Finding]:
    """Goals of the players' statistics, with the opponents' own goals, make the score."""
    return _rows(
        connection,
        key,
        """
        select m.match_id, 'goals', t.name || ': players score ' || made || ', the match says ' || side.score
        from matches m
        cross join lateral (values
            (m.home_team_id, m.home_score), (m.away_team_id, m.away_score)
        ) as side(team_id, score)
        join teams t on t.team_id = side.team_id
        cross join lateral (
            select coalesce(sum(case when s.team_id = side.team_id then s.goals else s.own_goals end), 0) as made
            from match_player_stats s where s.match_id = m.match_id
        ) as counted
        where m.season_key = :key and m.event_count > 0 and made <> side.score
        """,
    )


def minutes_add_up(connection: Connection, key: str) -> list[Finding]:
    """A side's minutes are eleven times the match, less what dismissals and unreplaced injuries cost.

    Recounted from the stored events, apart from the code that made the statistics. Only where the provider tells the
    whistles (StatsBomb): FBref gives minutes of its own, and Metrica's periods end with their last event.
    """
    moments = connection.execute(
        text("""
        select e.match_id, e.team_id, e.player_id, e.period, e.timestamp_ms, e.event_type, e.outcome, e.card,
               e.player_id is not null and exists (
                   select from match_player_stats s
                   where s.match_id = e.match_id and s.player_id = e.player_id and s.minutes > 0
               ) as plays
        from match_events e
        where e.season_key = :key and e.period < 5
          and (e.event_type in ('Half End', 'Player Off', 'Substitution') or e.card is not null)
        order by e.match_id, e.event_index
        """),
        {"key": key},
    ).all()
    ends: dict[str, dict[int, int]] = defaultdict(dict)
    for row in moments:
        if row.event_type == "Half End":
            ends[row.match_id][row.period] = max(row.timestamp_ms, ends[row.match_id].get(row.period, 0))
    off: dict[tuple[str, str], bool] = {}
    lost: dict[tuple[str, str], float] = defaultdict(float)
    for row in moments:
        if row.match_id not in ends or not row.plays:
            continue
        periods, player, side = ends[row.match_id], (row.match_id, row.player_id), (row.match_id, row.team_id)
        to_come = sum(length for period, length in periods.items() if period > row.period)
        left = to_come + max(0, periods.get(row.period, 0) - row.timestamp_ms)
        if row.event_type == "Substitution":
            if off.get(player):  # somebody comes on for a player who had left: the side is whole again
                lost[side] -= left
            off[player] = False
        elif player not in off and (row.card in DISMISSALS or row.outcome == "Permanent"):
            lost[side] += left
            off[player] = True
    played = connection.execute(
        text("""
        select s.match_id, s.team_id, t.name, sum(s.minutes) as minutes
        from match_player_stats s join teams t using (team_id)
        where s.season_key = :key and s.minutes is not null
        group by s.match_id, s.team_id, t.name
        """),
        {"key": key},
    ).all()
    findings = []
    for row in played:
        if row.match_id not in ends:
            continue
        expected = (11 * sum(ends[row.match_id].values()) - lost[row.match_id, row.team_id]) / 60_000
        if abs(row.minutes - expected) > MINUTES_TOLERANCE:
            message = f"{row.name}: {row.minutes:.2f} minutes, {expected:.2f} expected"
            findings.append(Finding(row.match_id, "minutes", message))
    return sorted(findings, key=lambda finding: finding.subject)


def results_are_in(connection: Connection, key: str) -> list[Finding]:
    """Freshness of this partition by its own calendar: every match two days past has its result."""
    return _rows(
        connection,
        key,
        """
        select match_id, 'status', 'played on ' || match_date || ' by the calendar, still ' || status
               || case when status = 'played' then ' without a score' else '' end
               || '; loaded ' || to_char(loaded_at, 'YYYY-MM-DD')
        from matches
        where season_key = :key and match_date < current_date - 2
          and (status = 'scheduled' or (status = 'played' and (home_score is null or away_score is null)))
        """,
    )


def no_open_review(connection: Connection, key: str) -> list[Finding]:
    """No team or player of the season waits for somebody to decide whether it is the same as another."""
    return _rows(
        connection,
        key,
        """
        select r.entity_type || ' ' || r.provider_id, 'internal_id',
               r.provider || ' ' || r.provider_name || ' may be ' || r.candidate_id
               || ' (confidence ' || round(r.confidence::numeric, 2) || ')'
        from id_review r join id_mappings m using (entity_type, provider, provider_id)
        where m.season_key = :key and r.status = 'open'
        """,
    )


def catalogue_is_whole(connection: Connection, _key: str) -> list[Finding]:
    """Every provider's list of seasons can be read, and every document is listed by a season."""
    return _rows(
        connection,
        "",
        """
        select document, coalesce(field, ''), source || ': ' || reason || ' [' || verdict || ', ' || status || ']'
        from ingestion_failures
        where job = 'football/season_catalogue' and partition_key = :key and status <> 'resolved'
        """,
    )
