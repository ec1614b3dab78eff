"""Which weights rank best, and what are they worth on sets that they were not fitted on?"""
