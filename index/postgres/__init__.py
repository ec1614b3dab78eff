"""How does a PostgreSQL database keep a store: the truth, and both lists that are searched?"""
