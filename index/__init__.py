"""Storage and search: ids, text, vectors and files; no models, no HTTP, no questions.

``types`` and ``errors`` are what the folders above need to name, ``backend`` says what a store can do, ``stores`` opens one.
``local`` is the store in one directory, ``postgres`` the one in a database.

Nothing is imported here: what only reads a store's settings needs none of it, and numpy alone takes a tenth of a second.
"""
