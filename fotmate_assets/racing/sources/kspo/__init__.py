"""KSPO: cycle and boat racing from the portal of the Korea Sports Promotion Foundation (data.go.kr B551014).

`services` asks, `calendar` and `rounds` find the meetings, `rows` says what the rows must hold, `reading` takes those
of one meeting, `cycle` and `boat` build a meeting, `results` and `payoffs` are what both share, `verdicts` judges
empty answers. Format: the official Swagger documents and one real record per service; measured facts in the tests.
"""
