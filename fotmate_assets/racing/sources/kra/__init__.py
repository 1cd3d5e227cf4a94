"""KRA, Korean horse racing: questions to the public portal's services, and meetings read from the answers.

`services` asks, `calendar` finds race days, `source` judges; `rows` says what each service must hold, `values` reads
its small notations, `reading` finds a meeting's rows, `facts` turns a row into records, `card` and `payoffs` merge.
Field lists: fkkmemi/kra-types (MIT) and the real API214_1 and API299 responses that the tests read.
"""
