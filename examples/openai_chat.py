"""Ask by OpenAI's client: streamed, and each sentence with the link that opens the document at it.

FOOTNOTE_URL=http://127.0.0.1:8000 FOOTNOTE_KEY=... python examples/openai_chat.py "why did Zelensky refuse to sign?"
"""

import os
import sys

from openai import OpenAI

base = os.environ.get("FOOTNOTE_URL", "http://127.0.0.1:8000")
with OpenAI(base_url=f"{base}/openai/v1", api_key=os.environ.get("FOOTNOTE_KEY", "none")) as client:
    stream = client.chat.completions.create(
        model="footnote/default", messages=[{"role": "user", "content": " ".join(sys.argv[1:])}], stream=True
    )
    for chunk in stream:
        delta = chunk.choices[0].delta
        print(delta.content or "", end="", flush=True)
        for annotation in (delta.model_extra or {}).get("annotations", []):
            print(f"\n  <{annotation['url_citation']['url']}>")
print()
