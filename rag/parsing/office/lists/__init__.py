"""How are the items of lists in office files numbered?"""
