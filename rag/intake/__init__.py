"""How do files and texts become documents of a store, and how are they kept up to date?"""
