"""How do documents get into the store, and how does one list, read and remove them?"""
