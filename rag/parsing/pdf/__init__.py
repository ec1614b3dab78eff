"""How is a PDF page read in the order in which a person reads it?"""
