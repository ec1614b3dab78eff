"""How does text become vectors, on this machine, with this store's model?"""
