"""Make a message for Anthropic's API whose model can cite whole sentences of the documents; sent only with a key of theirs.

FOOTNOTE_URL=http://127.0.0.1:8000 FOOTNOTE_KEY=... python examples/anthropic_citations.py "why did Zelensky refuse to sign?"
"""

import json
import os
import sys

import anthropic
import httpx2

question = " ".join(sys.argv[1:])
found = httpx2.post(
    f"{os.environ.get('FOOTNOTE_URL', 'http://127.0.0.1:8000')}/v1/ask?format=anthropic",
    json={"question": question},
    headers={"Authorization": f"Bearer {os.environ.get('FOOTNOTE_KEY', 'none')}"},
    timeout=60,
).json()
message = {"role": "user", "content": [*found["content"], {"type": "text", "text": question}]}
if "ANTHROPIC_API_KEY" not in os.environ:
    print(json.dumps(message, indent=1, ensure_ascii=False))
    sys.exit()
with anthropic.Anthropic() as client:
    reply = client.messages.create(model=os.environ["ANTHROPIC_MODEL"], max_tokens=1000, messages=[message])
for block in reply.content:
    print(block.text if block.type == "text" else "")
    for cited in getattr(block, "citations", None) or ():
        blocks = found["footnote"]["blocks"][cited.search_result_index][cited.start_block_index : cited.end_block_index]
        print(*(f"  {place['document_id']}:{place['start_char_index']}-{place['end_char_index']}" for place in blocks))
