"""What do parsers of several families use: encodings, XML, passwords?"""
