"""Does everything in a store agree with everything else in it?"""
