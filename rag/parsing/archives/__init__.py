"""Which files stand in an archive or an office container, and how much may they unpack to?"""
