"""How are the results of an evaluation shown?"""
