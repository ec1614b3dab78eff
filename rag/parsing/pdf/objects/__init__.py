"""What do the objects of a PDF hold beside its text: whole streams, lines, entries of forms?"""
