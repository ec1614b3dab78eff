"""How are rows of CSV and JSON files read?"""
