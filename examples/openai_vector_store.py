"""Put a file into a collection by OpenAI's client, search it with a filter, and delete it. The key must be one for writing.

FOOTNOTE_URL=http://127.0.0.1:8000 FOOTNOTE_KEY=... python examples/openai_vector_store.py
"""

import os

from openai import OpenAI

base = os.environ.get("FOOTNOTE_URL", "http://127.0.0.1:8000")
with OpenAI(base_url=f"{base}/openai/v1", api_key=os.environ.get("FOOTNOTE_KEY", "none")) as client:
    file = ("owls.md", b"# Owls\n\nThe owl in the tower hunts voles at dusk.")
    added = client.vector_stores.files.upload_and_poll(vector_store_id="birds", file=file, attributes={"year": 2026})
    found = client.vector_stores.search(
        "birds", query="what does the owl hunt?", filters={"type": "gte", "key": "year", "value": 2025}
    )
    for result in found:
        print(f"{result.score:.2f} {result.filename}: {result.content[0].text}")
    print("deleted:", client.files.delete(added.id).deleted)
