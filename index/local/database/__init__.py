"""How are documents, passages and their log kept in SQLite, the only truth?"""
