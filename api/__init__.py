"""The HTTP service: routes, JSON, problem details. Knows no SQL, no FAISS, no models; nothing imports it."""
