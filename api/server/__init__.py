"""How does the service listen, and how does it stop?"""
