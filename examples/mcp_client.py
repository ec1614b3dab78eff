"""What an assistant does by MCP: it searches, reads on, and checks its quotation before it shows it.

FOOTNOTE_URL=http://127.0.0.1:8000 FOOTNOTE_KEY=... python examples/mcp_client.py "why did Zelensky refuse to sign?"
"""

import asyncio
import os
import sys

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(question: str) -> None:
    base = os.environ.get("FOOTNOTE_URL", "http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {os.environ.get('FOOTNOTE_KEY', 'none')}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(f"{base}/mcp", http_client=http)) as client:
            print("tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
            listed = (await client.call_tool("list_collections", {})).structured_content["collections"]
            names = [collection["name"] for collection in listed]
            if not names:
                sys.exit("no document is there yet: add some, then ask again")
            where = {"collection": "default" if "default" in names else names[0]}
            found = (await client.call_tool("search", {"query": question, "top_k": 3, **where})).structured_content
            for result in found["results"]:
                print(f"search: {result['id']}  {result['title']}\n        {result['url']}")
            passage = (await client.call_tool("fetch", {"id": found["results"][0]["id"]})).structured_content
            place = passage["metadata"]
            print(f"fetch:  characters {place['start_char_index']}-{place['end_char_index']} of {place['characters']}")
            quote = found["results"][0]["text"].split(". ")[0]
            altered = quote.rstrip(".") + ", it is said."
            for words in (quote, altered):
                checked = (
                    await client.call_tool("verify", {"quote": words, "document_id": place["document_id"]})
                ).structured_content["results"][0]
                print(f"verify: {checked['status']}: ...{words[-60:]}")
            answer = await client.call_tool("ask", {"question": question, **where})
            print("ask:   ", answer.content[0].text)


asyncio.run(main(" ".join(sys.argv[1:])))
