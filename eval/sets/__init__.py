"""How are gold sets and their corpora read, and questions changed as people mistype them?"""
