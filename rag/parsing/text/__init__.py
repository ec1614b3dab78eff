"""How are plain text, Markdown, notebooks and subtitles read?"""
