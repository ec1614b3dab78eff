"""What do the objects of a PDF hold: the words of its pages, whole streams, lines, entries of forms?"""
