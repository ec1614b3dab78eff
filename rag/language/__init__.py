"""Which language is a text in, and where do its sentences begin and end?"""
