"""Which sentences of the best passages answer the question, how sure is that, and how are they cited?"""
