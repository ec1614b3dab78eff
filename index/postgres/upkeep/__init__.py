"""How is a store in a database copied and given another model?"""
