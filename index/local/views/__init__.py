"""How are passages found by vector and by word, and scored?"""
