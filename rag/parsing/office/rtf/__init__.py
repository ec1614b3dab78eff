"""What text, headings and tables does an RTF file hold?"""
