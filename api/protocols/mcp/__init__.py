"""Which tools, documents and prompts does an assistant find here by the Model Context Protocol?"""
