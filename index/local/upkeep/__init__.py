"""How is a store repaired, copied and given another model?"""
