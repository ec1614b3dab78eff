"""How is an answer written by a language model, and which of its sentences do the documents bear out?"""
