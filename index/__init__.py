"""Storage and search: ids, text, vectors and files; no models, no HTTP, no questions.

`store` is the way in, `reader` one consistent state to read from, `types` and `errors` what the folders above need to name.
SQLite is the only truth: `database` (connections, transactions), `scrub` (its file), `translation` (its errors), `migrations`
(tables), `records` (rows), `changes` (writing them), `failures` (files that could not be taken in) and `filters` (conditions on
metadata).
`ids` says where ascending ids stand. `vectors`, `lexical` and `arrays` (read by `runs`) are views of it: `base` are those of a
checkpoint, `views` puts them together with what came since, `matching` ranks words over them, `follower` keeps them at the state
that is read, `checkpoint` keeps them on disk: `manifest` says what is in force, `checkpoint_draft` writes the next one. Where they
are damaged `scan` answers from the rows, and `view_rebuild` builds them again, as `clustering` its lists, in a `child`.
`layout` makes the directory, `names` says what is called how there, `settings` what a store was made with, `files` writes in it,
`lock` keeps writers apart. `verify` compares everything with everything (`row_checks` the rows), `repair` mends,
`snapshot` copies a store and brings it back, `catalogue` lists its files, `rebuilding` makes one with other vectors beside it,
`replacement` puts another in its place, `upgrade` brings an older format to the present one.

Nothing is imported here: what only reads a store's settings needs none of it, and numpy alone takes a tenth of a second.
"""
