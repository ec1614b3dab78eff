"""How is a store checked, repaired, copied and given another model?"""
