"""Which passages of the store fit a question best, and in which order?"""
