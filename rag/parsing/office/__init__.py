"""How are word processor, spreadsheet and presentation files read?"""
