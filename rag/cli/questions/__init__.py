"""How is a question asked on the command line, and how is its answer shown?"""
