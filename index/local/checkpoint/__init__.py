"""How do the views get to disk, and how do they keep up with the log?"""
