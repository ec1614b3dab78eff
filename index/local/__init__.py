"""The store in one directory: SQLite is the truth, FAISS and tantivy files are views of it."""
