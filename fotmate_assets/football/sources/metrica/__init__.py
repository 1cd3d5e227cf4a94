"""Metrica Sports sample data: anonymous games as event lists with frames of their tracking data.

Source: https://github.com/metrica-sports/sample-data (acknowledge Metrica Sports where results are
public). Games 1 and 2 are one CSV (`Sample_Game_1/Sample_Game_1_RawEventsData.csv`), game 3 is a JSON
of events beside EPTS metadata (`Sample_Game_3/Sample_Game_3_events.json`, `..._metadata.xml`).
Coordinates: unit square of a fixed camera, origin top left, y down, pitch 105 x 68 m; teams change
ends at half-time. Frames and times run on through half-time, so the clock of a period starts at its
kick-off.

Metrica's vocabulary becomes StatsBomb's as follows; Metrica's own words stay in `details`.

| Metrica | here | |
| --- | --- | --- |
| PASS | Pass | complete; with OFFSIDE: outcome `Pass Offside` |
| BALL LOST | Pass | outcome `Incomplete`; FORCED and END HALF (stopped by the whistle): `Unknown` |
| BALL LOST, THEFT | Dispossessed | |
| BALL LOST, CLEARANCE | Clearance | |
| BALL LOST, OFFSIDE / HAND BALL | Offside / Foul Committed | |
| BALL LOST, no way of the ball told and no pass named; a keeper's or blocker's touch | Ball Lost | |
| BALL OUT | Pass | outcome `Out` |
| BALL OUT, CLEARANCE | Clearance | |
| BALL OUT with the touch that won the ball | Ball Out | a ball put out, not a pass |
| BALL OUT, GOAL behind the own line | Own Goal Against | and an `Own Goal For` of the other side is added |
| RECOVERY | Ball Recovery | SAVED: Goal Keeper, BLOCKED: Block |
| CHALLENGE | Duel | `Tackle` for the tackler, `Tackled` for the player with the ball |
| CHALLENGE, FAULT, LOST | Foul Committed | the free kick is always the other side's |
| FAULT RECEIVED | Foul Won | also CHALLENGE, FAULT, WON where no FAULT RECEIVED of the player follows |
| SHOT | Shot | Goal, Saved, Saved to Post, Post, Blocked, Off T |
| CARRY | Carry | game 3 only |
| SET PIECE | Set Piece | the restart; the kick itself is the next event and carries the restart as subtype |
| CARD | Bad Behaviour | with `card`; a player's second yellow is `Second Yellow` |

So a pass is every ball played: complete ones (PASS) and those lost or hit out of play. A ball stolen at
the feet, a clearance and a ball that the same touch won and put out are none. `RECOVERY, INTERCEPTION`
stays a Ball Recovery (subtype Interception): Metrica notes some 80 a side, StatsBomb 10 interceptions.
A goal is a SHOT with GOAL or an own goal as above. GOAL elsewhere (game 3 has it on a recovery at
midfield) is not counted and is told in `warnings`.
"""

from fotmate_assets.football.sources.metrica.match import SEASON, games, parse_match
from fotmate_assets.football.sources.metrica.rows import PROVIDER

__all__ = ["PROVIDER", "SEASON", "games", "parse_match"]
