"""Who may ask, from which host, and how much at once?"""
