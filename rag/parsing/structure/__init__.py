"""What is a parsed text made of: paragraphs, headings, lists, tables and the document's own metadata?"""
