"""How does Footnote compare with other systems on the same questions?"""
