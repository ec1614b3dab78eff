"""Which units of the best passages are the answer: sentences, clauses, rows, lists, commands?"""
