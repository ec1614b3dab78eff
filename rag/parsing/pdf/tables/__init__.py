"""Where are the tables of a page, and what are their rows and the names of their columns?"""
