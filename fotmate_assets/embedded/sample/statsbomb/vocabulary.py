"""The ids and names of StatsBomb's vocabulary, and where its positions stand on its 120 x 80 grid.

Source: the enumerations of StatsBomb's open-data specification, as they occur in real files.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

Json = dict[str, Any]


class Term(NamedTuple):
    """An entry of the vocabulary, written `{"id": ..., "name": ...}`."""

    id: int
    name: str

    def json(self) -> Json:
        """A fresh object, so that a document can be edited without touching another."""
        return {"id": self.id, "name": self.name}


STARTING_XI, HALF_START, HALF_END = Term(35, "Starting XI"), Term(18, "Half Start"), Term(34, "Half End")
PASS, RECEIPT, CARRY, PRESSURE = Term(30, "Pass"), Term(42, "Ball Receipt*"), Term(43, "Carry"), Term(17, "Pressure")
RECOVERY, DUEL, CLEARANCE = Term(2, "Ball Recovery"), Term(4, "Duel"), Term(9, "Clearance")
DRIBBLE, DRIBBLED_PAST, BLOCK = Term(14, "Dribble"), Term(39, "Dribbled Past"), Term(6, "Block")
GOAL_KEEPER, SHOT, INTERCEPTION = Term(23, "Goal Keeper"), Term(16, "Shot"), Term(10, "Interception")
FOUL_COMMITTED, FOUL_WON = Term(22, "Foul Committed"), Term(21, "Foul Won")
MISCONTROL, DISPOSSESSED = Term(38, "Miscontrol"), Term(3, "Dispossessed")
SUBSTITUTION, TACTICAL_SHIFT = Term(19, "Substitution"), Term(36, "Tactical Shift")
PLAYER_OFF, PLAYER_ON, INJURY_STOPPAGE = Term(27, "Player Off"), Term(26, "Player On"), Term(40, "Injury Stoppage")
FIFTY_FIFTY, SHIELD, ERROR, OFFSIDE = Term(33, "50/50"), Term(28, "Shield"), Term(37, "Error"), Term(8, "Offside")
BALL_DROP, BAD_BEHAVIOUR = Term(41, "Referee Ball-Drop"), Term(24, "Bad Behaviour")
CAMERA_ON, CAMERA_OFF = Term(5, "Camera On"), Term(29, "Camera off")
OWN_GOAL_AGAINST, OWN_GOAL_FOR = Term(20, "Own Goal Against"), Term(25, "Own Goal For")

REGULAR_PLAY, FROM_CORNER, FROM_FREE_KICK = Term(1, "Regular Play"), Term(2, "From Corner"), Term(3, "From Free Kick")
FROM_THROW_IN, OTHER_PATTERN = Term(4, "From Throw In"), Term(5, "Other")
FROM_GOAL_KICK, FROM_KEEPER, FROM_KICK_OFF = Term(7, "From Goal Kick"), Term(8, "From Keeper"), Term(9, "From Kick Off")

INCOMPLETE, OUT, PASS_OFFSIDE, UNKNOWN = (
    Term(9, "Incomplete"),
    Term(75, "Out"),
    Term(76, "Pass Offside"),
    Term(77, "Unknown"),
)
GROUND, LOW, HIGH = Term(1, "Ground Pass"), Term(2, "Low Pass"), Term(3, "High Pass")
RIGHT_FOOT, LEFT_FOOT, HEAD = Term(40, "Right Foot"), Term(38, "Left Foot"), Term(37, "Head")
KEEPER_ARM, DROP_KICK, BOTH_HANDS = Term(69, "Keeper Arm"), Term(68, "Drop Kick"), Term(35, "Both Hands")
RECOVERY_PASS, THROUGH_BALL = Term(66, "Recovery"), Term(108, "Through Ball")

GOAL, SAVED, OFF_TARGET, BLOCKED = Term(97, "Goal"), Term(100, "Saved"), Term(98, "Off T"), Term(96, "Blocked")
WAYWARD, POST, SAVED_TO_POST = Term(101, "Wayward"), Term(99, "Post"), Term(116, "Saved to Post")
SAVED_OFF_TARGET = Term(115, "Saved Off Target")
OPEN_PLAY, FREE_KICK_SHOT, PENALTY = Term(87, "Open Play"), Term(62, "Free Kick"), Term(88, "Penalty")

COMPLETE_DRIBBLE, INCOMPLETE_DRIBBLE = Term(8, "Complete"), Term(9, "Incomplete")
AERIAL_LOST, TACKLE = Term(10, "Aerial Lost"), Term(11, "Tackle")
WON, LOST_OUT, SUCCESS_IN_PLAY = Term(4, "Won"), Term(14, "Lost Out"), Term(16, "Success In Play")
YELLOW, SECOND_YELLOW, RED = Term(7, "Yellow Card"), Term(6, "Second Yellow"), Term(5, "Red Card")
INJURY, TACTICAL = Term(102, "Injury"), Term(103, "Tactical")


class Role(NamedTuple):
    """A position and its home on the grid: x toward the attack, y down, ball on the centre spot."""

    term: Term
    x: float
    y: float


ROLES = {
    id_: Role(Term(id_, name), x, y)
    for id_, name, x, y in (
        (1, "Goalkeeper", 8, 40),
        (2, "Right Back", 44, 68),
        (3, "Right Center Back", 34, 50),
        (4, "Center Back", 32, 40),
        (5, "Left Center Back", 34, 30),
        (6, "Left Back", 44, 12),
        (7, "Right Wing Back", 54, 71),
        (8, "Left Wing Back", 54, 9),
        (9, "Right Defensive Midfield", 52, 49),
        (10, "Center Defensive Midfield", 50, 40),
        (11, "Left Defensive Midfield", 52, 31),
        (12, "Right Midfield", 66, 69),
        (13, "Right Center Midfield", 62, 49),
        (15, "Left Center Midfield", 62, 31),
        (16, "Left Midfield", 66, 11),
        (17, "Right Wing", 78, 67),
        (19, "Center Attacking Midfield", 74, 40),
        (21, "Left Wing", 78, 13),
        (22, "Right Center Forward", 84, 47),
        (23, "Center Forward", 85, 40),
        (24, "Left Center Forward", 84, 33),
    )
}
FORMATIONS = {
    442: (1, 2, 3, 5, 6, 12, 13, 15, 16, 22, 24),
    4231: (1, 2, 3, 5, 6, 9, 11, 17, 19, 21, 23),
    433: (1, 2, 3, 5, 6, 10, 13, 15, 17, 21, 23),
    352: (1, 3, 4, 5, 7, 8, 10, 13, 15, 22, 24),
}
"""Position ids of each formation, in ascending order, the goalkeeper first."""


class Incident(Enum):
    """Something rare that a match is told to contain; each happens once per mention.

    The incidents are spread over both regulation halves.
    """

    RED_CARD = "a straight red for a foul, then a Tactical Shift that lists the player sent off"
    SECOND_YELLOW = "two bookings of one player, some minutes apart, both for fouls"
    BAD_BEHAVIOUR = "a yellow card without a foul"
    PENALTY_SCORED = "a penalty scored"
    PENALTY_SAVED = "a penalty saved"
    OWN_GOAL = "an own goal whose Own Goal For names no player"
    OWN_GOAL_NAMED = "an own goal whose Own Goal For names a player of the benefiting team"
    INJURY = "an injury, the player off and on again, play resumed by a Referee Ball-Drop"
    INJURY_SUBSTITUTION = "a substitution with outcome Injury"
    PERMANENT_OFF = "a player off for good who is not replaced"
    FIFTY_FIFTY = "a 50/50, recorded for both sides"
    SHIELD = "a defender shields the ball out"
    ERROR = "an error that leads to a shot"
    OFFSIDE = "an Offside event"
    CAMERA = "Camera off, a silence, Camera On"
    HALF_TIME_SUBSTITUTION = "a substitution at 45:00 of period 2"
    LONG_FIRST_HALF = "a first half that reaches at least minute 48"
