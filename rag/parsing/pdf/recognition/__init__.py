"""Which text do pictures of text show?"""
