"""How are web pages and EPUB books read, without menus and other boilerplate?"""
